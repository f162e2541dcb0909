// Lists as tables and other programs write them: columns, quotes, line ends, paths that lead elsewhere.
#include "lamina/core/text.hpp"
#include "lamina/data/check.hpp"
#include "support/imports.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

/// Of a list of a line, the photograph and the mask; what is told of it.
struct Listed {
  std::string image, mask;
  std::vector<Finding> findings;
  Listed(DataFolder& f, const std::string& text) {
    f.text("train.txt", text);
    f.text("val.txt", "d\n");
    DatasetFiles files = list_dataset(f.path());
    findings = files.findings;
    if (files.items(Split::train).size() != 1) return;
    image = files.items(Split::train)[0].image.lexically_relative(f.path()).string();
    mask = files.items(Split::train)[0].mask.lexically_relative(f.path()).string();
  }
};

}  // namespace

TEST_CASE("lists with commas, semicolons, quotes, a line of names, other line ends and columns that are no files") {
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  for (const char* text : {"images/a.png,masks/b.png", "a.png, b.png", "images/a.png;masks/b.png", "\"images/a.png\",\"masks/b.png\"",
                           "'a.png', 'b.png'", "image,mask\r\na.png,b.png\r\n", "file_name;mask\ra.png;b.png\r", "a.png,b.png,3",
                           "C:\\set\\images\\a.png,C:\\set\\masks\\b.png", "/home/x/images/a.png /home/x/masks/b.png"}) {
    CAPTURE(text);
    const Listed listed(f, text);
    CHECK(listed.image == "images/a.png");
    CHECK(listed.mask == "masks/b.png");
    CHECK(told(listed.findings, "", true) == 0);
    CHECK(told(listed.findings, "1 line has more than names of files, which is not read: a.png,b.png,3") ==
          (text == std::string("a.png,b.png,3")));
  }
  for (const char* text : {"a 1", "a -1", "a 1 1 1", "a.png,", "\"a\"", "'a.png',", "a,0", "filename\na", "old/place/images/a.png"}) {
    CAPTURE(text);
    const Listed listed(f, text);
    CHECK(listed.image == "images/a.png");
    CHECK(listed.mask == "masks/a.png");
    CHECK(told(listed.findings, "", true) == 0);
  }
  CHECK(told(Listed(f, "a 1 1 1").findings, "train.txt: 1 line has more than names of files, which is not read: a 1 1 1") == 1);
  CHECK(told(Listed(f, "/old/images/a.png").findings, "train.txt: 1 path leads elsewhere, and the files of this data set at their ends") ==
        1);
  for (const char* text : {"/old/a.png", "/old/masks/a.png"})
    CHECK_THROWS_WITH_AS(Listed(f, text), doctest::Contains("leaves the data folder"), DataError);
}

TEST_CASE("names of lists may hold what parts columns, and be those of columns") {
  DataFolder f;
  const std::string name = "b, c; 1 2";
  for (const char* folder : {"images/", "masks/"}) {
    fs::remove(f / (folder + std::string("a.png")));
    write_png(f / (folder + name + ".png"), labels({0, 1, 1}));
    write_png(f / (std::string(folder) + "image.png"), labels({1, 1, 0}));
  }
  for (const std::string& text : {name, '"' + name + '"', "images/" + name + ".png,masks/" + name + ".png",
                                  "\"images/" + name + ".png\",\"masks/" + name + ".png\""}) {
    CAPTURE(text);
    CHECK(Listed(f, text).image == "images/" + name + ".png");
    CHECK(Listed(f, text).mask == "masks/" + name + ".png");
  }
  CHECK(Listed(f, "image").image == "images/image.png");
}

TEST_CASE("groups and lists of imports with commas, quotes and a line of names") {
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  for (const char* text :
       {"a,p 1\nb,p 1\nc,q\nd,q\n", "name,patient\n\"a.png\",\"p 1\"\n\"b.png\",\"p 1\"\nc.png;q\nd\tq\n", "a p 1\nb p 1\nc q\nd q\n"}) {
    CAPTURE(text);
    f.text("groups.txt", text);
    const DatasetFiles files = list_dataset(f.path());
    CHECK(told(files.findings, "", true) == 0);
    for (const Item& item : files.all_items()) CHECK(item.group == (item.name < "c" ? "p 1" : "q"));
  }
  Source s;
  for (const char* stem : {"a", "b", "c"}) {
    s.photo(message("images/p", stem, "/", stem, ".png"));
    s.mask(message("masks/p", stem, "/", stem, ".png"), {0, 1, 1, 0});
  }
  s.text("train.txt", "image,mask\n\"pa/a.png\",\"pa/a.png\"\nb.png,1\n");
  s.text("val.txt", "c.png;1\n");
  const Import import("tree", s);
  CHECK(import.names(Split::train) == Names{"a", "b"});
  CHECK(import.names(Split::val) == Names{"c"});
}

TEST_CASE("photographs that are listed with masks of others, and columns that are exchanged") {
  DataFolder f;
  f.masks(labels({0, 1, 1}));
  f.text("val.txt", "d\n");
  const auto findings = [&](const std::string& list) {
    f.text("train.txt", list);
    return list_dataset(f.path()).findings;
  };
  const std::string crossed = "listed with the mask that is another one's by its name, and not with the own one: ";
  CHECK(told(findings("images/a.png masks/b.png\nimages/b.png masks/a.png\nimages/c.png masks/c.png\n"),
             "2 photographs are " + crossed + "a.png with b.png, b.png with a.png") == 1);
  CHECK(told(findings("a.png b.png\nb\nc\n"), "1 photograph is " + crossed + "a.png with b.png") == 1);
  CHECK(told(findings("a.png a.png\nb\nc.png c.png\n"), crossed) == 0);
  io::create_folders(f / "others");
  for (const char* name : {"others/a.png", "others/b_mask.png", "others/z.png"}) fs::copy_file(f / "masks/a.png", f / name);
  CHECK(told(findings("a.png others/b_mask.png\nb.png others/a.png\n"), "2 photographs are " + crossed) == 1);
  CHECK(told(findings("a.png others/z.png\nb.png others/b_mask.png\n"), crossed) == 0);  // chosen, not crossed
  const std::string exchanged = "; the columns are exchanged: a line is IMAGE MASK, the photograph first";
  CHECK(told(findings("masks/a.png images/a.png\n"), exchanged, true) == 1);
  CHECK(told(findings("mask,image\nothers/a.png,images/a.png\n"), exchanged, true) == 1);
  CHECK(told(findings("masks/a.png\n"), "; it is a mask: a line names the photograph, and the mask may follow", true) == 1);
  CHECK(told(findings("masks/a.png images/a.png\nmasks/b.png images/b.png\nmasks/c.png images/c.png\n"), "3 are so", true) == 1);

  findings("a\nb\nc\n");
  const auto of_groups = [&](const std::string& text) {
    f.text("groups.txt", text);
    return list_dataset(f.path()).findings;
  };
  const std::string first = "the columns are exchanged: a line is NAME GROUP, the photograph first";
  CHECK(told(of_groups("p1 a\n"), "'p1' is no photograph of the data set; " + first, true) == 1);
  CHECK(told(of_groups("patient,image\np1,a.png\np1,b.png\np2,c.png\np2,d.png\n"), first + " (4 are so", true) == 1);
  CHECK(told(of_groups("z p1\n"), first, true) == 0);
}
