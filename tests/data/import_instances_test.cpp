// Instances: which file is whose, and where it is marked.
#include "lamina/core/text.hpp"
#include "support/imports.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

std::string refusal_of_instances(const Source& s) {
  const TempFolder out;
  try {
    import_dataset("instances", s.path(), out / "o");
  } catch (const DataError& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("instances: any color marks; alpha does where the color says nothing") {
  Source s;
  for (const char* id : {"a", "b", "c", "d"}) {
    s.photo(message("images/", id, ".png"));
    io::create_folders(s / message("masks/", id));
  }
  Image blue(4, 3, 3);
  blue.pixels[2] = 9;
  write_png(s / "masks/a/1.png", blue);
  LabelSchema schema;
  schema.names = {"x", "y"}, schema.values = {0, 255}, schema.reading.alpha = true;
  LabelImage one(4, 3);
  one.labels[1] = 1;
  write_mask(s / "masks/b/1.png", one, schema);  // white, and transparent but for a pixel
  const std::vector<Rgb> palette{Rgb{}, Rgb{0, 0, 9}};
  s.mask("masks/c/1.png", {0, 0, 1, 0}, palette);
  s.mask("masks/e.png", {1, 0, 0, 0});
  const Import i("instances", s);
  CHECK(i.row("a") == Labels{1, 0, 0, 0});
  CHECK(i.row("b") == Labels{0, 1, 0, 0});
  CHECK(i.row("c") == Labels{0, 0, 1, 0});
  CHECK(i.row("d") == Labels{0, 0, 0, 0});
  CHECK(i.made.notes[0] == "1 mask left out, without a photograph: e.png");
  CHECK(i.made.notes[1] == "1 photograph without an instance, all background: d.png");
}

TEST_CASE("instances: two photographs of one name, and masks of none, are errors") {
  Source s;
  for (const char* photo : {"images/p/a.png", "images/q/a.png"}) s.photo(photo);
  CHECK(refusal_of_instances(s).find((s / "images/p/a.png").string() + " and " + (s / "images/q/a.png").string() +
                                     " are of one name; rename one of them") != std::string::npos);
  fs::remove_all(s / "images/q");
  s.mask("masks/b/1.png", {255, 0, 0, 0});
  CHECK(refusal_of_instances(s).find(" holds no instances: ") != std::string::npos);
}

TEST_CASE("masks that number objects: check tells, and import makes one class of them") {
  for (const char* ending : {"", "_mask"}) {
    Source s;
    for (std::uint16_t n = 5; n < 9; ++n) {
      s.photo(message("images/i", n, ".png"));
      std::vector<std::uint16_t> values(12);
      for (std::uint16_t k = 0; k < n; ++k) values[k] = static_cast<std::uint16_t>(k + 1);
      io::create_folders(s / "masks");
      io::write_file_atomically(s / message("masks/i", n, ending, ".png"), encode_png(values, 4, 3));
    }
    const std::string command = message("lamina import instances ", s.path().string(), ' ', s.path().string(), "-imported");
    const auto findings = [&] { return check_dataset(s.path()).findings; };
    CHECK(told(findings(), "number objects, not to name classes: 1 to n without a gap in 4 of 4 masks, n from 5 to 8. ") == 1);
    CHECK(told(findings(), command) == 1);
    const TempFolder out;
    std::vector<std::uint16_t> high(12);
    high[3] = 256;  // whose lower byte is 0
    io::write_file_atomically(s / message("masks/i5", ending, ".png"), encode_png(high, 4, 3));
    const Imported made = import_dataset("instances", s.path(), out / "o");
    CHECK(made.items[0] + made.items[1] == 4);
    const Dataset d = open_dataset(out / "o");
    CHECK(d.schema.names == Names{"background", "instance"});
    for (const Item& item : d.all_items()) CHECK(read_mask(item, d.masks).labels[3] == 1);
    s.text("dataset.json", R"({"labels": {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "f": 5, "g": 6, "h": 7, "i": 8}})");
    CHECK(told(findings(), "number objects") == 0);
  }
  DataFolder classes;
  for (const char* n : {"a", "b", "c", "d"}) write_png(classes / message("masks/", n, ".png"), labels({0, *n == 'a', 7}));
  CHECK(told(check_dataset(classes.path()).findings, "number objects") == 0);
}
