// Photographs without labels: found, streamed, cropped.
#include "lamina/data/photos.hpp"

#include <chrono>
#include <fstream>
#include <set>

#include "lamina/io/file.hpp"
#include "support/op_check.hpp"
#include "support/sanitized.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using namespace lamina::data;
using namespace lamina::test;
namespace fs = std::filesystem;

namespace {

/// A picture in which a pixel says where it is: red is x, green y, blue `mark`.
Image located(int width, int height, int mark = 7) {
  Image image(width, height, 3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      image.at(x, y)[0] = static_cast<std::uint8_t>(x);
      image.at(x, y)[1] = static_cast<std::uint8_t>(y);
      image.at(x, y)[2] = static_cast<std::uint8_t>(mark);
    }
  return image;
}

/// `count` photographs NAME0.png ... in `folder`, of blue `blue`, blue + 1, ...
void photos_in(const fs::path& folder, int count, const std::string& name = "p", int blue = 100) {
  io::create_folders(folder);
  for (int i = 0; i < count; ++i) write_png(folder / (name + std::to_string(i) + ".png"), located(12, 10, blue + i));
}

std::vector<std::string> names(const PhotoList& list) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < list.size(); ++i) out.push_back(fs::path(list[i]).filename().string());
  return out;
}

PhotoList list_of(std::initializer_list<fs::path> paths) {
  PhotoList list;
  for (const fs::path& p : paths) list.add(p.string());
  return list;
}

/// Samples 0..255 of a stream's next batch.
std::vector<int> samples(PhotoStream& stream, Batch* batch = nullptr) {
  Batch own;
  Batch& b = batch ? *batch : own;
  REQUIRE(stream.next(b));
  std::vector<int> out;
  for (const float v : b.at(kImage).to_vector<float>()) out.push_back(static_cast<int>(std::lround((v + 1) * 127.5f)));
  return out;
}

std::int64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::int64_t total = 0, resident = 0;
  in >> total >> resident;
  return resident * 4096;
}

}  // namespace

TEST_CASE("photographs are found in folders, lists, data sets and by name; some are held out") {
  TempFolder f;
  photos_in(f / "shots/deep", 3);
  photos_in(f / "shots/.hidden", 1);
  photos_in(f / "shots", 3, "q");
  io::write_file_atomically(f / "shots/notes.md", "no photograph");
  io::write_file_atomically(f / "some.txt", "# two of them\r\nshots/q1.png\r\n\n" + (f / "shots/deep/p2.png").string() + "\n");
  const PhotoSets folder = find_photos({(f / "shots").string()}, 2, 1);
  CHECK(folder.training.size() == 4);
  CHECK(folder.held_out.size() == 2);
  auto all = names(folder.training);
  for (const std::string& name : names(folder.held_out)) all.push_back(name);
  CHECK(std::set<std::string>(all.begin(), all.end()) == std::set<std::string>{"p0.png", "p1.png", "p2.png", "q0.png", "q1.png", "q2.png"});
  CHECK(names(find_photos({(f / "shots").string()}, 2, 1).held_out) == names(folder.held_out));
  std::set<std::vector<std::string>> choices;
  for (std::uint64_t seed = 0; seed < 20; ++seed) choices.insert(names(find_photos({(f / "shots").string()}, 2, seed).held_out));
  CHECK(choices.size() > 3);
  std::filesystem::copy(f / "shots", f / "moved", std::filesystem::copy_options::recursive);
  for (std::uint64_t seed = 0; seed < 8; ++seed)  // wherever the folder lies
    CHECK(names(find_photos({(f / "moved").string()}, 2, seed).held_out) == names(find_photos({(f / "shots").string()}, 2, seed).held_out));
  CHECK(find_photos({(f / "shots").string()}, 100, 1).held_out.size() == 3);  // half at most

  CHECK(names(find_photos({(f / "some.txt").string()}, 0, 1).training) == std::vector<std::string>{"q1.png", "p2.png"});
  CHECK(names(find_photos({(f / "shots/q0.png").string(), (f / "some.txt").string()}, 0, 1).training) ==
        std::vector<std::string>{"q0.png", "q1.png", "p2.png"});

  // Of a data set: its train list and what is unlabelled; its val list is held out, its test list left alone.
  photos_in(f / "set/images", 6);
  photos_in(f / "set/unlabelled", 2, "u", 150);
  for (const auto& [split, text] : {std::pair("train", "p0\np4\n"), std::pair("val", "p1\np5\n"), std::pair("test", "p2\n")})
    io::write_file_atomically(f / "set" / (std::string(split) + ".txt"), text);
  const PhotoSets set = find_photos({(f / "set").string()}, 16, 1);
  CHECK(names(set.training) == std::vector<std::string>{"p0.png", "p4.png", "u0.png", "u1.png"});
  CHECK(names(set.held_out) == std::vector<std::string>{"p1.png", "p5.png"});
  CHECK(find_photos({(f / "set").string()}, 1, 1).held_out.size() == 1);
  CHECK(set.notes.at(0).find("4 photographs, and 2 for validation") != std::string::npos);
  io::write_file_atomically(f / "set/unlabelled.txt", "unlabelled/u1.png\n");
  CHECK(names(find_photos({(f / "set").string()}, 0, 1).training) == std::vector<std::string>{"p0.png", "p4.png", "u1.png"});

  io::create_folders(f / "empty");
  check_throws<DataError>([&] { find_photos({(f / "empty").string()}, 0, 1); }, {"the folder holds no photographs", "png"});
  check_throws<DataError>([&] { find_photos({(f / "nowhere").string()}, 0, 1); }, {"nowhere", "no such file"});
  io::write_file_atomically(f / "weights.bin", std::string("a\0b", 3));
  check_throws<DataError>([&] { find_photos({(f / "weights.bin").string()}, 0, 1); }, {"no list of photographs", "binary"});
  check_throws<OptionError>([&] { find_photos({(f / "shots").string()}, -1, 1); }, {"negative"});
  CHECK(list_of({"ab", "c"}).checksum() != list_of({"a", "bc"}).checksum());
}

TEST_CASE("a file that two sources have is used once, and none of val and test lists is trained on, whatever it is called") {
  TempFolder f;
  photos_in(f / "set/images", 6);
  photos_in(f / "set/unlabelled", 2, "u", 150);
  for (const auto& [split, text] : {std::pair("train", "p0\np4\n"), std::pair("val", "p1\n"), std::pair("test", "p2\n")})
    io::write_file_atomically(f / "set" / (std::string(split) + ".txt"), text);
  fs::create_directory_symlink(f / "set/unlabelled", f / "linked");
  fs::create_symlink(f / "set/images/p2.png", f / "tested.png");
  for (const auto& [from, to] : {std::pair("p1", "holiday"), std::pair("p2", "beach"), std::pair("p0", "again")}) {
    io::create_folders(f / "copies");
    fs::copy_file(f / "set/images" / (std::string(from) + ".png"), f / "copies" / (std::string(to) + ".png"));
  }
  const std::string set = (f / "set").string();
  const PhotoSets sets = find_photos(
      {set, set + "/images/../unlabelled", (f / "linked").string(), set + "/images", (f / "tested.png").string(), (f / "copies").string()},
      4, 1);
  CHECK(names(sets.training) == std::vector<std::string>{"p0.png", "p4.png", "u0.png", "u1.png", "p3.png", "p5.png", "again.png"});
  CHECK(names(sets.held_out) == std::vector<std::string>{"p1.png"});
  const auto note = [&](std::size_t i, const char* words) {
    CHECK_MESSAGE(sets.notes.at(i).find(words) != std::string::npos, sets.notes.at(i));
  };
  note(0, "4 photographs, and 1 for validation; 2 have no labels");
  for (const int i : {1, 2, 3}) note(static_cast<std::size_t>(i), "; 2 left out that came before");
  note(3, "; 2 left out that val or test lists have");
  note(4, "; 1 left out that val or test lists have");
  note(5, "; 2 left out that val or test lists have, or copies of them");
  CHECK(find_photos({set, set}, 4, 1).training.size() == 4);
  CHECK(find_photos({set, set}, 4, 1).held_out.size() == 1);
  check_throws<DataError>([&] { find_photos({}, 0, 1); }, {"no photograph"});
}

TEST_CASE("lists are told apart by what their files hold, or, of many bytes, by sizes and times") {
  TempFolder f;
  photos_in(f / "few", 2);
  const PhotoList few = list_of({f / "few/p0.png", f / "few/p1.png", f / "few/none.png"});
  const std::uint32_t before = few.checksum();
  const auto later = [](const fs::path& file) { fs::last_write_time(file, fs::last_write_time(file) + std::chrono::hours(1)); };
  later(f / "few/p0.png");
  CHECK(few.checksum() == before);
  std::string bytes = io::read_file(f / "few/p1.png");
  bytes[bytes.size() / 2] ^= 1;
  io::write_file_atomically(f / "few/p1.png", bytes);
  CHECK(few.checksum() != before);
  io::write_file_atomically(f / "many.png", "");
  fs::resize_file(f / "many.png", std::uintmax_t{257} << 20);  // of holes
  const PhotoList many = list_of({f / "many.png"});
  const std::uint32_t then = many.checksum();
  CHECK(many.checksum() == then);
  later(f / "many.png");
  CHECK(many.checksum() != then);
}

TEST_CASE("a list of 330,000 photographs is streamed: little memory, and the first batch at once") {
  TempFolder f;
  photos_in(f / "shots", 4);
  std::string text;
  for (int i = 0; i < 330'000; ++i) text += "shots/../shots/./p" + std::to_string(i % 4) + ".png\n";
  io::write_file_atomically(f / "list.txt", text);
  text = {};
  const std::int64_t before = resident_bytes();
  PhotoSets sets = find_photos({(f / "list.txt").string()}, 16, 1);
  CHECK(sets.training.size() + sets.held_out.size() == 330'000);
  PhotoStream stream(std::move(sets.training), {.batch = 4, .width = 8, .height = 8, .shuffle = true, .seed = 3});
  stream.start(1);
  std::set<int> indices;
  for (int i = 0; i < 50; ++i) {
    Batch batch;
    CHECK(samples(stream, &batch).size() == 4 * 8 * 8 * 3);
    indices.insert(batch.indices.begin(), batch.indices.end());
  }
  CHECK(*indices.begin() < 20'000);  // of all the list
  CHECK(*indices.rbegin() > 310'000);
  if (!kSanitized) CHECK(resident_bytes() - before < (std::int64_t{160} << 20));  // the pictures alone would take 470 MB, paths as such 100
  CHECK(stream.batches() == (330'000 - 16 + 3) / 4);
}

TEST_CASE("long: 330,000 links to four photographs in folders: listed, little memory, the first batch in seconds") {
  TempFolder f;
  photos_in(f / "shots", 4);
  for (int folder = 0; folder < 33; ++folder) {
    const fs::path to = f / ("links/" + std::to_string(folder));
    io::create_folders(to);
    for (int i = 0; i < 10'000; ++i)
      fs::create_symlink("../../shots/p" + std::to_string(i % 4) + ".png", to / ("IMG_" + std::to_string(i) + ".png"));
  }
  const auto start = std::chrono::steady_clock::now();
  const std::int64_t before = resident_bytes();
  PhotoSets sets = find_photos({(f / "links").string()}, 16, 1);
  CHECK(sets.training.size() + sets.held_out.size() == 330'000);
  PhotoStream stream(std::move(sets.training), {.batch = 4, .width = 8, .height = 8, .shuffle = true, .seed = 3});
  stream.start(1);
  CHECK(samples(stream).size() == 4 * 8 * 8 * 3);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  MESSAGE(seconds, " s, ", (resident_bytes() - before) >> 20, " MiB");
  CHECK(seconds < 20);
  if (!kSanitized) CHECK(resident_bytes() - before < (std::int64_t{160} << 20));
}

TEST_CASE("a crop lies inside the photograph, or its center does; outside is white") {
  TempFolder f;
  write_png(f / "a.png", located(40, 30));
  const PhotoList list = list_of({f / "a.png"});
  for (const bool anywhere : {false, true}) {
    CAPTURE(anywhere);
    PhotoStream stream(list, {.batch = 1, .width = 16, .height = 12, .center_anywhere = anywhere, .shuffle = true});
    std::set<std::pair<int, int>> corners;
    int least_x = 100, most_x = -100, least_y = 100, most_y = -100;
    for (int epoch = 1; epoch <= 400; ++epoch) {
      stream.start(epoch);
      const std::vector<int> v = samples(stream);
      int left = -1000, top = -1000;  // of the window in the photograph
      for (int i = 0; i < 16 * 12; ++i)
        if (v[static_cast<std::size_t>(3 * i + 2)] == 7)
          left = v[static_cast<std::size_t>(3 * i)] - i % 16, top = v[static_cast<std::size_t>(3 * i + 1)] - i / 16;
      for (int i = 0; i < 16 * 12; ++i) {
        const int x = left + i % 16, y = top + i / 16;
        const bool inside = x >= 0 && x < 40 && y >= 0 && y < 30;
        const int* p = v.data() + 3 * i;
        REQUIRE((inside ? p[0] == x && p[1] == y && p[2] == 7 : p[0] == 255 && p[1] == 255 && p[2] == 255));
      }
      corners.insert({left, top});
      least_x = std::min(least_x, left), most_x = std::max(most_x, left);
      least_y = std::min(least_y, top), most_y = std::max(most_y, top);
    }
    CHECK(corners.size() > 100);
    // Inside: from 0 to 40 - 16 and 30 - 12. Anywhere: the center from 0 to 40 and 30.
    CHECK(std::abs(least_x - (anywhere ? -8 : 0)) <= 1);
    CHECK(std::abs(most_x - (anywhere ? 32 : 24)) <= 1);
    CHECK(std::abs(least_y - (anywhere ? -6 : 0)) <= 1);
    CHECK(std::abs(most_y - (anywhere ? 24 : 18)) <= 1);
  }
  // A photograph smaller than the crop is all there, with white around it.
  PhotoStream large(list, {.batch = 1, .width = 50, .height = 50, .shuffle = true});
  large.start(1);
  const std::vector<int> v = samples(large);
  CHECK(std::count(v.begin(), v.end(), 255) == 3 * (50 * 50 - 40 * 30));
}

TEST_CASE("gray photographs and those that cannot be read are passed over, or stop; 16 bits become 8") {
  TempFolder f;
  photos_in(f.path(), 3);
  Image gray(12, 10, 1, 90), gray_rgb(12, 10, 3, 90);
  write_png(f / "gray.png", gray);
  write_png(f / "gray_rgb.png", gray_rgb);
  io::write_file_atomically(f / "broken.png", io::read_file(f / "p0.png").substr(0, 60));
  std::string pnm = "P6\n2 1\n65535\n";
  for (const int v : {0, 65535, 0x8080, 65535, 0, 0}) pnm += {static_cast<char>(v >> 8), static_cast<char>(v & 255)};
  io::write_file_atomically(f / "deep.ppm", pnm);

  const PhotoOptions one{.batch = 1, .width = 2, .height = 1};
  PhotoStream deep(list_of({f / "deep.ppm"}), one);
  deep.start(1);
  CHECK(samples(deep) == std::vector<int>{0, 255, 128, 255, 0, 0});

  PhotoStream some(list_of({f / "gray.png", f / "broken.png", f / "p0.png", f / "gray_rgb.png", f / "nowhere.png", f / "p2.png"}),
                   {.batch = 6, .width = 12, .height = 10});
  some.start(0);
  Batch batch;
  const std::vector<int> v = samples(some, &batch);
  CHECK(batch.indices == std::vector<int>{2, 2, 2, 5, 5, 5});
  CHECK(batch.at("passed_over").to_vector<float>() == std::vector<float>{2, 1, 0, 2, 1, 0});
  CHECK(v[2] == 100);
  CHECK(v[5 * 12 * 10 * 3 + 2] == 102);
  CHECK(some.example().find(".png") != std::string::npos);

  for (const auto& [file, problem] : {std::pair("gray.png", "gray"), std::pair("gray_rgb.png", "gray"),
                                      std::pair("broken.png", "broken.png"), std::pair("nowhere.png", "nowhere.png")}) {
    CAPTURE(file);
    PhotoOptions stop = one;
    stop.skip_unusable = false;
    PhotoStream strict(list_of({f / file, f / "p0.png"}), stop);
    strict.start(0);
    check_throws<Error>([&] { strict.next(batch); }, {file, problem, "remove it, or pass over"});
    PhotoStream none(list_of({f / file, f / file}), one);
    none.start(0);
    check_throws<DataError>([&] { none.next(batch); }, {file, "so are the 1 photographs before it"});
  }
}

TEST_CASE("order and crops are functions of seed and pass: any batch can be the first, and epochs may be shorter than a pass") {
  TempFolder f;
  photos_in(f.path(), 7);
  PhotoList list;
  for (int i = 0; i < 7; ++i) list.add((f / ("p" + std::to_string(i) + ".png")).string());
  const auto run = [&](std::int64_t epoch_batches, std::uint64_t seed, int threads, std::int64_t first = 0) {
    ThreadPool pool(threads);
    const ExecutorScope scope(pool);
    PhotoStream s(list, {.batch = 3,
                         .width = 8,
                         .height = 8,
                         .augment = parse_augment("hflip"),
                         .shuffle = true,
                         .epoch_batches = epoch_batches,
                         .seed = seed});
    std::vector<std::pair<std::vector<int>, std::vector<int>>> all;
    for (int epoch = 1; epoch <= 4; ++epoch) {
      s.start(epoch, epoch == 1 ? first : 0);
      Batch batch;
      while (s.next(batch)) {
        std::vector<int> v;
        for (const float x : batch.at(kImage).to_vector<float>()) v.push_back(static_cast<int>(std::lround((x + 1) * 127.5f)));
        all.emplace_back(batch.indices, v);
      }
    }
    return all;
  };
  const auto whole = run(0, 1, 1);
  CHECK(whole.size() == 12);  // 3 + 3 + 1 photographs, four times
  for (std::size_t epoch = 0; epoch < 4; ++epoch) {
    std::set<int> seen;
    for (std::size_t b = 0; b < 3; ++b) seen.insert(whole[3 * epoch + b].first.begin(), whole[3 * epoch + b].first.end());
    CHECK(seen.size() == 7);
  }
  CHECK(whole == run(0, 1, 3));
  CHECK(whole != run(0, 2, 1));
  CHECK(whole[0] != whole[3]);
  const auto order_of = [&](std::size_t epoch) {
    std::vector<int> order;
    for (std::size_t b = 0; b < 3; ++b) order.insert(order.end(), whole[3 * epoch + b].first.begin(), whole[3 * epoch + b].first.end());
    return order;
  };
  CHECK(order_of(0) != order_of(1));
  const auto late = run(0, 1, 1, 2);
  CHECK(std::equal(late.begin(), late.end(), whole.begin() + 2, whole.end()));
  // Epochs of two full batches: 24 photographs in all, each of the first 21 three times.
  const auto shorter = run(2, 1, 1);
  CHECK(shorter.size() == 8);
  std::vector<int> counts(7);
  for (int drawn = 0; const auto& [indices, v] : shorter)
    for (const int i : indices)
      if (drawn++ < 21) ++counts[static_cast<std::size_t>(i)];
  CHECK(counts == std::vector<int>(7, 3));
  check_throws<OptionError>([&] { PhotoStream s(list, {.batch = 0}); }, {"batch 0"});
}
