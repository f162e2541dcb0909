#include "lamina/data/augmented.hpp"

#include <algorithm>
#include <cmath>

#include "lamina/io/file.hpp"
#include "lamina/io/npy.hpp"

namespace lamina::data {
namespace {

/// The same classes, of masks that are arrays of their values.
LabelSchema of_arrays(LabelSchema schema) {
  schema.reading = {};
  schema.ignore_color.reset();
  schema.file_ending = ".npy";
  for (LabelSchema& head : schema.heads) head = of_arrays(head);
  if (!schema.heads.empty()) return schema;
  const auto taken = [&](unsigned v) { return std::find(schema.values.begin(), schema.values.end(), v) != schema.values.end(); };
  if (!schema.ignore) {
    schema.ignore = 255;
    while (schema.task != Task::multilabel && taken(*schema.ignore)) ++*schema.ignore;
  }
  return schema;
}

/// (1, H, W, bands) as the loader gives it, in 255ths.
Tensor photograph(const Tensor& image) {
  const Tensor out = Tensor::empty({image.size(1), image.size(2), image.size(3)}, {DType::u8, kCpu});
  const float* from = image.data<float>();
  std::uint8_t* to = out.data<std::uint8_t>();
  for (std::int64_t i = 0; i < out.numel(); ++i)
    to[i] = static_cast<std::uint8_t>(std::clamp(std::lround((from[i] + 1) * 127.5f), 0L, 255L));
  return out;
}

/// Labels (1, H, W) or (1, H, W, planes) as the values that stand for them.
Tensor mask(const Tensor& labels, const LabelSchema& schema) {
  const auto is = labels.to_vector<std::uint8_t>();
  std::vector<std::int32_t> values(is.size());
  for (std::size_t i = 0; i < is.size(); ++i)
    values[i] = static_cast<std::int32_t>(is[i] == kIgnoreLabel             ? *schema.ignore
                                          : schema.task == Task::multilabel ? is[i]
                                                                            : schema.values[is[i]]);
  const Shape whole = labels.shape();
  const Shape shape = whole.rank() == 4 ? Shape{whole[1], whole[2], whole[3]} : Shape{whole[1], whole[2]};
  const bool small = std::all_of(values.begin(), values.end(), [](std::int32_t v) { return v < 256; });
  if (!small) return Tensor::from<std::int32_t>(values, shape);
  return Tensor::from<std::uint8_t>(std::vector<std::uint8_t>(values.begin(), values.end()), shape);
}

/// One array, or of several heads one a plane.
void write_masks(const std::filesystem::path& folder, const std::string& name, const Tensor& labels, const LabelSchema& schema) {
  if (schema.heads.empty()) return io::write_npy(folder / (name + ".npy"), mask(labels, schema));
  const std::vector<std::string> planes = schema.plane_names();
  std::size_t plane = 0;
  for (const LabelSchema& head : schema.heads)
    for (std::size_t k = head.labels_per_pixel(); k-- > 0; ++plane) {
      const Tensor own = labels.channels(static_cast<std::int64_t>(plane), 1).packed();
      io::write_npy(folder / planes[plane] / (name + ".npy"), mask(own.view_as({1, labels.size(1), labels.size(2)}), head));
    }
}

}  // namespace

void write_augmented(const Dataset& dataset, const std::filesystem::path& folder, const AugmentedOptions& o) {
  require<OptionError>(o.copies >= 1, "--copies ", o.copies, " must be at least 1");
  require<DataError>(dataset.photos.bits == 8, dataset.root.string(),
                     ": photographs of more than 8 bits are not written as augmented ones");
  require_no_dataset("the folder", folder, {dataset.root});
  const LabelSchema schema = of_arrays(dataset.schema);
  for (const char* sub : {"images", "masks"}) io::create_folders(folder / sub);
  if (!schema.heads.empty())
    for (const std::string& plane : schema.plane_names()) io::create_folders(folder / "masks" / plane);
  std::int64_t count = 0;
  std::string groups;  // of every photograph: its own, or the one that its copies are
  for (const Split split : kSplits) {
    if (dataset.items(split).empty()) continue;
    LoaderOptions options{.batch = 1, .width = o.width, .height = o.height, .resize = o.resize, .seed = o.seed};
    options.normalization.channels = dataset.photos.channels ? dataset.photos.channels : 3;
    if (split == Split::train) options.augment = o.augment, options.random_crop = true;
    Loader loader(dataset, split, options);
    std::string list;
    for (int copy = 0; copy < (split == Split::train ? o.copies : 1); ++copy) {
      loader.start(copy);
      for (Batch batch; loader.next(batch); ++count) {
        const std::string name = loader.name(batch.indices[0]) + (split == Split::train ? "_" + std::to_string(copy + 1) : "");
        io::write_npy(folder / "images" / (name + ".npy"), photograph(batch.at(kImage)));
        write_masks(folder / "masks", name, batch.at(kLabels), schema);
        list += name + "\n";
        const std::string& group = dataset.items(split)[static_cast<std::size_t>(batch.indices[0])].group;
        groups += name + "\t" + (group.empty() ? loader.name(batch.indices[0]) : group) + "\n";
      }
    }
    io::write_file_atomically(folder / (std::string(name_of(split)) + ".txt"), list);
  }
  io::write_file_atomically(folder / "groups.txt", groups);
  io::write_file_atomically(folder / "dataset.json", to_json(schema, count));
}

}  // namespace lamina::data
