// What the classes of an imported data set are called, where a file of it says so.
#include "lamina/core/text.hpp"
#include "lamina/data/impl/class_table.hpp"
#include "lamina/data/impl/importing.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {

Json schema_of(const fs::path& source, const std::vector<fs::path>& photos, Target& target) {
  std::set<fs::path> folders{source};
  for (const fs::path& below : photos) {
    fs::path folder = source;
    for (const fs::path& part : below.lexically_relative(source)) folders.insert((folder /= part).lexically_normal());
  }
  Json schema;
  fs::path origin;
  const auto take = [&](Json json, const fs::path& file, const char* cure) {
    require<DataError>(origin.empty() || json == schema, origin.string(), " and ", file.string(), " differ; ", cure);
    schema = std::move(json), origin = file;
  };
  for (const fs::path& folder : folders)
    if (const fs::path file = folder / "dataset.json"; fs::exists(file))
      take(parse_json(io::read_text(file, 1 << 20), file.string()), file, "keep one of them");
  if (!origin.empty()) return schema;
  std::vector<Finding> findings;
  bool numbered = false;
  for (const fs::path& folder : folders) {
    const auto table = class_table_in({folder}, findings);
    if (!table) continue;
    numbered = !table->says_values() && table->colors.empty();
    take(table->json(), table->file,
         numbered ? "the same number is another class there: import the JSON files that they were made of (import labelme), or export all "
                    "at once (labelme2voc)"
                  : "where a number, or a color, is another class there, export all splits at once, or give the masks one numbering; "
                    "else keep one of them");
    if (!table->says_values() && !table->colors.empty()) schema["encoding"] = "colors";
  }
  for (const Finding& finding : findings) target.note(finding.text);
  if (!numbered) return schema;
  target.keep(origin);  // which numbers the names have the masks say, when they are read
  return {};
}

}  // namespace lamina::data::detail
