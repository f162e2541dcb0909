// What importers share: the folder that they fill, and the files of their source.
#include "lamina/data/impl/importing.hpp"

#include <algorithm>
#include <tuple>

#include "lamina/core/text.hpp"
#include "lamina/data/impl/survey.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {

Target::Target(const fs::path& out, const fs::path& source) : out_(out) {
  require<OptionError>(!fs::exists(out) || (fs::is_directory(out) && fs::is_empty(out)), out.string(),
                       " is there already and not empty; choose another folder for the imported data set");
  require_no_dataset("OUT", out, {source});
}

namespace {
void link(const fs::path& from, const fs::path& to) {
  io::create_folders(to.parent_path());
  std::error_code error;
  fs::create_symlink(fs::canonical(from), to, error);
  require<IoError>(!error, "cannot link ", to.string(), " to ", from.string(), ": ", error.message());
}
}  // namespace

void Target::add(Split split, const std::string& stem, const fs::path& image, const fs::path& mask) {
  require<DataError>(stems_.insert(stem).second, image.string(), ": two photographs are called ", stem, "; rename one of them");
  link(image, out_ / "images" / (stem + image.extension().string()));
  if (!mask.empty()) link(mask, out_ / "masks" / (stem + mask.extension().string()));
  lists_[static_cast<int>(split)].push_back(stem);
}

void Target::add_folder(const std::string& label) { io::create_folders(out_ / "masks" / label); }

void Target::write_mask(const std::string& stem, const LabelImage& mask, const std::string& label) {
  const fs::path folder = label.empty() ? out_ / "masks" : out_ / "masks" / label;
  io::create_folders(folder);
  write_png(folder / (stem + ".png"), mask);
}

void Target::tell(const std::vector<std::string>& which, const std::string& one, const std::string& what) {
  if (!which.empty()) note(message(counted(std::ssize(which), one), " ", what, ": ", examples(which)));
}

Imported Target::finish(Json dataset_json, const std::string& nothing) {
  require<DataError>(!stems_.empty(), nothing);
  auto& [train, val, test] = lists_;
  if (train.empty()) {
    note(message("it has no training split: its ", val.empty() ? "test" : "val", " split becomes one"));
    train.swap(val.empty() ? test : val);
  }
  if (val.empty() && train.size() > 1) {
    std::vector<std::string> rest;
    for (std::size_t i = 0; i < train.size(); ++i) (i % 5 == 4 || (i == 1 && train.size() < 5) ? val : rest).push_back(train[i]);
    train = std::move(rest);
    note("it has no validation split: every fifth photograph of training is");
  }
  for (const Split split : kSplits) {
    auto& names = lists_[static_cast<int>(split)];
    result_.items[static_cast<int>(split)] = static_cast<int>(names.size());
    std::string text;
    for (const std::string& name : names) text += name + '\n';
    if (!names.empty()) io::write_file_atomically(out_ / (std::string(name_of(split)) + ".txt"), text);
  }
  io::write_file_atomically(out_ / "dataset.json", dataset_json.dump(2) + '\n');
  return std::move(result_);
}

std::vector<fs::path> files_below(const fs::path& folder, const std::function<bool(const fs::path&)>& wanted) {
  std::vector<fs::path> files;
  if (fs::is_directory(folder))
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file() && wanted(entry.path())) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

fs::path part_of(const fs::path& root, const std::string& name, const std::string& layout) {
  require<DataError>(fs::is_directory(root), "there is no folder ", root.string());
  if (fs::is_directory(root / name)) return root / name;
  std::vector<std::string> holders;
  for (const auto& entry : fs::directory_iterator(root))  // one level down: the folder that an archive unpacks into
    if (entry.is_directory() && fs::is_directory(entry.path() / name)) holders.push_back(entry.path().filename().string());
  std::sort(holders.begin(), holders.end());
  require<DataError>(!holders.empty(), root.string(), " is not laid out as ", layout, ": there is no folder ", name);
  require<DataError>(holders.size() == 1, root.string(), " holds ", holders.size(), " data sets laid out as ", layout, " (",
                     examples(holders), "): import one at a time, such as ", (root / holders[0]).string());
  return root / holders[0] / name;
}

Photos::Photos(const fs::path& root) : root_(root) {
  for (const fs::path& p : files_below(root, is_photo)) by_name_.emplace(composed(p.filename().string()), p);
}

fs::path Photos::find(std::string name, const fs::path& file) const {
  std::replace(name.begin(), name.end(), '\\', '/');
  const fs::path wanted = fs::path(composed(name)).lexically_normal();
  const auto [begin, end] = by_name_.equal_range(wanted.filename().string());
  const auto fit = [&](const fs::path& p) {
    std::vector<fs::path> ours(p.begin(), p.end()), theirs(wanted.begin(), wanted.end());
    const auto split = split_in(fs::relative(p, root_).parent_path().string());
    return std::tuple(std::mismatch(ours.rbegin(), ours.rend(), theirs.rbegin(), theirs.rend()).first - ours.rbegin(),
                      p.parent_path() == file.parent_path(), split == split_in(fs::relative(file, root_).string()));
  };
  const fs::path* best = nullptr;
  const fs::path* equal = nullptr;
  for (auto it = begin; it != end; ++it)
    if (!best || fit(it->second) > fit(*best))
      best = &it->second, equal = nullptr;
    else if (fit(it->second) == fit(*best))
      equal = &it->second;
  require<DataError>(!equal, file.string(), ": \"", name, "\" may be ", best ? best->string() : "", " or ", equal ? equal->string() : "",
                     "; write its folder, too, or rename one of them");
  return best ? *best : fs::path();
}

Split split_in(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name.find("val") != std::string::npos ? Split::val : name.find("test") != std::string::npos ? Split::test : Split::train;
}

bool is_photo(const fs::path& path) { return path.filename().string().front() != '.' && has_image_extension(path); }

Json numbered_labels(const std::vector<std::string>& names) {
  Json labels{{"background", 0}};
  int value = 0;
  for (const std::string& name : names) labels[name] = ++value;
  return labels;
}

}  // namespace lamina::data::detail
