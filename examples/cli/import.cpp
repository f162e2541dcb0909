// lamina import: another layout as a data set.
#include "lamina/data/import.hpp"

#include <cstdio>

#include "json.hpp"
#include "lamina/core/text.hpp"
#include "verbs.hpp"

namespace cli {

using namespace lamina;

int import_data(const ImportOptions& options, const Common& common) {
  const data::Imported made = data::import_dataset(options.kind, options.source, options.out);
  if (common.json) {
    print_json({{"out", options.out}, {"train", made.items[0]}, {"val", made.items[1]}, {"test", made.items[2]}, {"notes", made.notes}});
    return kOk;
  }
  std::printf("%s: %d train, %d val, %d test\n", options.out.c_str(), made.items[0], made.items[1], made.items[2]);
  for (const std::string& note : made.notes) std::printf("%s\n", wrapped("note: " + note, 100, 2).c_str());
  std::printf("next    %s check %s\n", program_word().c_str(), shell_word(options.out).c_str());
  return kOk;
}

}  // namespace cli
