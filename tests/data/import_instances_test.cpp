// Instances: which file is whose, and where it is marked.
#include <cstdlib>

#include "lamina/core/text.hpp"
#include "lamina/io/npy.hpp"
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

TEST_CASE("masks that number objects with gaps, or by color: check and train tell") {
  DataFolder gaps;
  std::uint8_t next = 1;
  for (const char* n : {"a", "b", "c", "d"}) {
    write_png(gaps / message("masks/", n, ".png"),
              labels({next, static_cast<std::uint8_t>(next + 3), static_cast<std::uint8_t>(next + 5)}));
    next = static_cast<std::uint8_t>(next + 7);
  }
  const std::string command = message("12 values, most of them in few of the 4 masks. To learn where objects are: lamina import instances ",
                                      gaps.path().string(), ' ');
  CHECK(told(check_dataset(gaps.path()).findings, command) == 1);
  CHECK(told(open_dataset(gaps.path()).findings, command) == 1);
  gaps.text("dataset.json",
            R"({"labels": {"a": 1, "b": 4, "c": 6, "d": 8, "e": 11, "f": 13, "g": 15, "h": 18, "i": 20, "j": 22, "k": 25, "l": 27}})");
  CHECK(told(open_dataset(gaps.path()).findings, "number objects") == 0);

  const char* cure = "If they number objects: lamina import instances SOURCE OUT";
  DataFolder high;  // 16 bits
  for (const char* n : {"a", "b", "c", "d"})
    io::write_file_atomically(high / message("masks/", n, ".png"), encode_png(std::vector<std::uint16_t>{0, 1001, 1017}, 3, 1));
  refuses(high, cure);
  DataFolder colors;
  for (const char* n : {"a", "b", "c", "d"}) {
    const auto k = static_cast<std::uint8_t>(*n);
    write_png(colors / message("masks/", n, ".png"), rgb({kBlack, {k, 30, 200}, {20, 9, k}}));
  }
  refuses(colors, cure);
}

TEST_CASE("instances: full intensity beside numbers without a gap is void; with gaps it is an instance") {
  for (const bool gapless : {true, false}) {
    Source s;
    for (const char* id : {"a", "b", "c"}) s.photo(message("images/", id, ".png"));
    s.mask("masks/a.png", {1, 2, 255, 0});
    s.mask("masks/b.png", {static_cast<std::uint8_t>(gapless ? 1 : 90), 255, 0, 0});
    s.mask("masks/c.png", {255, static_cast<std::uint8_t>(gapless ? 0 : 70), 0, 0});
    const TempFolder out;
    const Imported made = import_dataset("instances", s.path(), out / "o");
    const Dataset d = open_dataset(out / "o");
    const auto first = [&](const std::string& name) -> int {
      for (const Item& item : d.all_items())
        if (item.name == name) return read_mask(item, d.masks).labels[name == "a" ? 2 : name == "b" ? 1 : 0];
      return -1;
    };
    for (const char* name : {"a", "b", "c"}) CHECK(first(name) == (gapless ? int{kIgnoreLabel} : 1));
    CHECK(std::count_if(made.notes.begin(), made.notes.end(),
                        [](const auto& n) { return n.find("without a gap: it is void") != std::string::npos; }) == gapless);
    CHECK(std::any_of(made.notes.begin(), made.notes.end(), [](const auto& n) { return n.find("have gaps") != std::string::npos; }) !=
          gapless);
  }
}

TEST_CASE("instances: where white is the background, what is darker is marked, and that is said") {
  for (const bool by_color : {false, true}) {
    Source s;
    for (const char* id : {"a", "b"}) {
      s.photo(message("images/", id, ".png"));
      io::create_folders(s / message("masks/", id));
      Image mask(4, 3, by_color ? 3 : 1, 255);
      mask.pixels[by_color ? 3 : 1] = 0;
      write_png(s / message("masks/", id, "/1.png"), mask);
    }
    const Import i("instances", s);
    CHECK(i.row("a") == Labels{0, 1, 0, 0});
    CHECK(std::any_of(i.made.notes.begin(), i.made.notes.end(), [](const auto& n) { return n.starts_with("white is the background"); }));
  }
}

TEST_CASE("instances in folders one level down: check names the command, and it reads them") {
  Source s;
  for (const char* id : {"a", "b", "c"}) {
    s.photo(message("stage1_train/", id, "/images/", id, ".png"));
    for (const char* n : {"1", "2"})
      s.mask(message("stage1_train/", id, "/masks/", n, ".png"), {255, 0, static_cast<std::uint8_t>(*n == '2' ? 255 : 0), 0});
  }
  s.text("stage1_train_labels.csv", "ImageId,EncodedPixels");
  CHECK(told(check_dataset(s.path()).findings, message("lamina import instances ", s.path().string(), ' '), true) == 1);
  const Import i("instances", s);
  CHECK(i.row("b") == Labels{1, 0, 1, 0});
  for (const char* id : {"x", "y"}) {
    s.photo(message("more/", id, "/images/", id, ".png"));
    s.mask(message("more/", id, "/masks/1.png"), {255, 0, 0, 0});
  }
  CHECK(layout_of(s.path()).empty());  // nothing says which
}

namespace {

/// A square of full intensity in the middle of 16x16 pixels, at `x`; its border is blurred, or not.
LabelImage square(int x, bool blurred) {
  LabelImage m(16, 16);
  for (int v = 0; v < 16; ++v)
    for (int u = 0; u < 16; ++u) {
      const int off = std::max(std::abs(u - x), std::abs(v - 8));
      const int level = off < 3 ? 255 : !blurred || off > 4 ? 0 : (off == 3 ? 170 : 60) + u + v;
      m.labels[static_cast<std::size_t>(16 * v + u)] = static_cast<std::uint8_t>(level);
    }
  return m;
}

void put_square(const fs::path& file, int x, bool blurred) {
  io::create_folders(file.parent_path());
  write_png(file, square(x, blurred));
}

}  // namespace

TEST_CASE("instances and masks beside: smoothed ones are read by half, alpha where it says what is marked") {
  Source s, t;
  for (const char* id : {"a", "b"}) {
    io::create_folders(s / "images");
    write_png(s / message("images/", id, ".png"), Image(16, 16, 3, static_cast<std::uint8_t>(id[0])));
    write_png(t / message(id, ".png"), Image(16, 16, 3, static_cast<std::uint8_t>(id[0])));
    for (const int x : {4, 11}) {
      put_square(s / message("masks/", id, "/", x, ".png"), x, true);
      put_square(t / message(id, "_mask_", x, ".png"), x, true);
    }
  }
  const char* told = "the masks are lossy (JPEG, WebP) or smoothed: what is above half intensity is marked";
  for (const auto& [kind, source] : {std::pair<const char*, const Source*>{"instances", &s}, {"beside", &t}}) {
    CAPTURE(kind);
    const Import i(kind, *source);
    CHECK(std::any_of(i.made.notes.begin(), i.made.notes.end(), [&](const std::string& note) { return note.starts_with(told); }));
    const LabelImage mask = read_mask(i.dataset.all_items()[0], i.dataset.masks);
    for (std::size_t p = 0; p < mask.labels.size(); ++p)
      CHECK(mask.labels[p] == (square(4, true).labels[p] > 127 || square(11, true).labels[p] > 127));
  }
  LabelImage faint = square(4, true);
  for (auto& v : faint.labels) v = static_cast<std::uint8_t>(v / 3);
  write_png(s / "masks/a/4.png", faint);
  CHECK(import_fault("instances", s).find("a/4.png: nothing of it is above half intensity") != std::string::npos);

  Source alpha;  // all white, and the mask in alpha; numbers of flat regions are no borders
  LabelSchema schema;
  schema.names = {"x", "y"}, schema.values = {0, 255}, schema.reading.alpha = true;
  Source numbered;
  for (const char* id : {"a", "b"}) {
    alpha.photo(message(id, ".png"));
    for (const char* folder : {"images", "masks"}) io::create_folders(numbered / folder);
    write_png(numbered / message("images/", id, ".png"), Image(16, 16, 3, static_cast<std::uint8_t>(id[0])));
    LabelImage numbers = square(8, false);
    for (std::size_t p = 0; p < 64; ++p)
      for (const std::size_t row : {0u, 12u}) numbers.labels[16 * row + p] = static_cast<std::uint8_t>((p % 16 / 4 + 1 + row / 3) * 20);
    write_png(numbered / message("masks/", id, ".png"), numbers);
    for (const std::size_t k : {0u, 2u}) {
      LabelImage one(4, 3);
      one.labels[k] = 1;
      write_mask(alpha / message(id, "_mask_", k, ".png"), one, schema);
    }
  }
  CHECK(Import("beside", alpha).row("a") == Labels{1, 0, 1, 0});
  const TempFolder out;
  for (const std::string& note : import_dataset("instances", numbered.path(), out / "o").notes) CHECK_FALSE(note.starts_with(told));
}

TEST_CASE("import: soft masks name what to save, not an option that it does not have") {
  Source s;
  s.photo("images/a.png");
  io::create_folders(s / "masks/a");
  io::write_npy(s / "masks/a/1.npy", Tensor::full({3, 4}, 0.9));
  const std::string fault = import_fault("instances", s);
  CHECK(fault.find("how surely a pixel is marked, save (a > 0.45).astype('u1'), with numpy;") != std::string::npos);
  CHECK(fault.find("--mask-threshold") == std::string::npos);
}
