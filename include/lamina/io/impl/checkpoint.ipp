#include "lamina/io/checkpoint.hpp"

#include <cmath>

#include "lamina/io/file.hpp"
#include "lamina/io/impl/checkpoint.hpp"

namespace lamina::io {
namespace {

template <class T>
Tensor permuted(const Tensor& t, bool to_file) {
  const std::int64_t a = t.size(0), x = t.size(1), y = t.size(2), z = t.size(3);
  // (a, h, w, b) -> (a, b, h, w) swaps the axes (h w) and (b) of each of the `a` matrices; back likewise.
  const std::int64_t rows = to_file ? x * y : x, cols = to_file ? z : y * z;
  Tensor out = Tensor::empty(to_file ? Shape{a, z, x, y} : Shape{a, y, z, x}, like(t));
  const T* from = t.data<T>();
  T* to = out.data<T>();
  for (std::int64_t i = 0; i < a; ++i, from += rows * cols, to += rows * cols)
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < cols; ++c) to[c * rows + r] = from[r * cols + c];
  return out;
}

}  // namespace

Tensor relayout(const Tensor& tensor, bool to_file) {
  const Tensor t = tensor.to(kCpu).packed();
  if (t.rank() != 4) return t;
  if (t.dtype() == DType::f64) return permuted<double>(t, to_file);
  return permuted<float>(t.to(DType::f32), to_file);
}

namespace {

void require_finite(const nn::NamedTensor& item) {
  if (item.tensor.dtype() != DType::f32 && item.tensor.dtype() != DType::f64) return;
  for (double v : item.tensor.to_vector<double>())
    require<NumericError>(std::isfinite(v), "checkpoint: ", item.name, " holds a value that is not finite; nothing was written");
}

TensorArchive archive_of(const Checkpoint& checkpoint) {
  TensorArchive archive;
  archive.metadata = checkpoint.metadata;
  for (const auto& item : checkpoint.model) {
    require_finite(item);
    archive.tensors[item.name] = relayout(item.tensor, true);
  }
  for (const auto& item : checkpoint.optimizer) {
    require_finite(item);
    archive.tensors[std::string(kOptimizerPrefix) + item.name] = relayout(item.tensor, true);
  }
  return archive;
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) { write_safetensors(path, archive_of(checkpoint)); }

void save_checkpoint_rotating(const std::filesystem::path& path, const std::filesystem::path& previous, const Checkpoint& checkpoint) {
  const TensorArchive archive = archive_of(checkpoint);
  if (std::filesystem::exists(path)) {
    // A second name for the old file, put in place atomically; then the new file takes over the first name.
    const std::filesystem::path link = temporary_name_beside(previous);
    std::error_code error;
    std::filesystem::create_hard_link(path, link, error);
    if (!error) std::filesystem::rename(link, previous, error);
    std::error_code ignored;
    std::filesystem::remove(link, ignored);                       // rename leaves it where both were names of one file already
    if (error) write_file_atomically(previous, read_file(path));  // a file system without hard links
  }
  write_safetensors(path, archive);
}

Checkpoint load_checkpoint(const std::filesystem::path& path) {
  TensorArchive archive = read_safetensors(path);
  Checkpoint checkpoint;
  checkpoint.metadata = std::move(archive.metadata);
  for (const auto& [name, tensor] : archive.tensors) {
    const bool optimizer = name.starts_with(kOptimizerPrefix);
    (optimizer ? checkpoint.optimizer : checkpoint.model)
        .push_back({optimizer ? name.substr(kOptimizerPrefix.size()) : name, relayout(tensor, false)});
  }
  return checkpoint;
}

std::filesystem::path find_weights(const std::filesystem::path& run, const std::string& which) {
  require<DataError>(std::filesystem::exists(run), run.string(), ": no such run folder or checkpoint");
  if (!std::filesystem::is_directory(run)) {
    require<DataError>(run.extension() == ".safetensors", run.string(),
                       ": neither a run folder nor a .safetensors file, which tools/pth_to_safetensors.py makes of one of PyTorch");
    return run;
  }
  const auto file = [&](const std::string& name) { return run / "weights" / (name + ".safetensors"); };
  if (std::filesystem::exists(file(which))) return file(which);
  std::string others;
  for (const char* name : {"best", "last", "prev"})
    if (std::filesystem::exists(file(name))) others += std::string(others.empty() ? "" : ", ") + name;
  require<DataError>(!others.empty() || !std::filesystem::exists(run / "config.json"), run.string(), ": the run has no weights/", which,
                     ".safetensors, nor others: it ended before it wrote any; train it again");
  throw DataError(others.empty() ? run.string() + ": not the folder of a training run: it has no weights/" + which + ".safetensors"
                                 : file(which).string() + " is missing" + (which == "best" ? " (the first validation writes it)" : "") +
                                       "; the run has the weights " + others + " (--weights of predict and evaluate)");
}

std::filesystem::path find_best_or_last(const std::filesystem::path& run) {
  const bool only_last =
      !std::filesystem::exists(run / "weights/best.safetensors") && std::filesystem::exists(run / "weights/last.safetensors");
  return find_weights(run, only_last ? "last" : "best");
}

}  // namespace lamina::io
