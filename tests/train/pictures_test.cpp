// Pictures of a report: which ones, what is laid over them, how large they may be.
#include <cmath>
#include <set>

#include "lamina/core/random.hpp"
#include "lamina/data/draw.hpp"
#include "lamina/train/impl/pictures.hpp"
#include "lamina/train/run_report.hpp"
#include "support/charts.hpp"
#include "support/painted_report.hpp"

using namespace lamina;
using namespace lamina::test;
using data::Rgb;
using data::Task;

namespace {

using Layers = std::vector<std::vector<Rgb>>;  // each pixel by pixel
enum View { outlines, label, prediction, errors, hardness, uncertainty };

/// The colors of a layer's pixels; black is clear.
std::vector<Rgb> pixels_of(const std::string& png) {
  const data::Raster r = data::decode_raster(png, "layer");
  REQUIRE(!r.palette.empty());
  std::vector<Rgb> pixels;
  for (const std::uint8_t i : r.samples)
    pixels.push_back(i + 1u < r.palette.size() && r.palette[i] == Rgb{} ? Rgb{1, 1, 1} : r.palette.at(i));  // black that is not clear
  CHECK(r.palette.back() == Rgb{});
  return pixels;
}

/// The layers of a view that are seen of a plane ("all", "0", ...), in their order.
Layers layers_seen(const ShownPicture& p, View view, const std::string& plane = "all") {
  Layers layers;
  for (const auto& [classes, png] : p.layers) {
    const std::string padded = classes + " ";
    if (padded.find("v" + std::to_string(view) + " ") != std::string::npos && padded.find(" p" + plane + " ") != std::string::npos)
      layers.push_back(pixels_of(png));
  }
  return layers;
}

std::vector<Rgb> colored(const std::string& digits, const std::vector<Rgb>& colors) {
  std::vector<Rgb> pixels;
  for (const char c : digits) pixels.push_back(c == 'x' ? Rgb{} : colors.at(static_cast<std::size_t>(c - '0')));
  return pixels;
}

}  // namespace

TEST_CASE("hard pixels of numbers: how many of all grades they are off") {
  data::LabelSchema schema;
  schema.task = Task::ordinal;
  schema.names = {"none", "mild", "severe"}, schema.values = {0, 1, 2}, schema.planes = {"A", "B"};
  schema.set_default_colors();
  const auto head = heads::make_head(schema, "regression");
  data::LabelImage truth(2, 1, 0, 2);
  truth.labels = {0, 2, 1, data::kIgnoreLabel};  // (pixel, plane)
  train::HeatMaps maps(*head, truth);
  maps.add(truth, 0, Tensor::from({0.5f, 0.5f, -3.0f, 2.0f}, {1, 2, 2}));
  CHECK(!maps.has_uncertainty());
  const auto level = [](double share) { return static_cast<std::uint8_t>(16 * share); };
  CHECK(maps.hardness(0).labels == std::vector<std::uint8_t>{level(0.25), level(0.5)});  // below the lowest grade is the lowest
  CHECK(maps.hardness(1).labels == std::vector<std::uint8_t>{level(0.75), 0});
  CHECK(maps.hardness(-1).labels == std::vector<std::uint8_t>{level(0.75), level(0.5)});
}

TEST_CASE("pictures: the photograph, and label, prediction, errors, hard pixels and uncertainty over it") {
  const std::vector<Rgb> colors{{200, 100, 0}, {0, 120, 60}, {0, 0, 0}, {40, 0, 220}};
  const std::string html = Painted::once().read("report.html");
  std::set<std::string> names;
  for (const char* title : {"Best images", "Images in the middle", "Worst images"})
    for (const ShownPicture& p : shown_pictures(section(html, title))) {
      CAPTURE(p.name);
      names.insert(p.name);
      const test::Picture& hand = picture(p.name);
      const data::Image photo = data::decode_image(p.photograph, "photograph"), plain = photograph(hand, Task::multiclass);
      REQUIRE((photo.width == plain.width && photo.height == plain.height));
      double off = 0;
      for (std::size_t i = 0; i < photo.pixels.size(); ++i) off += std::abs(int{photo.pixels[i]} - int{plain.pixels[i]});
      CHECK(off / static_cast<double>(photo.pixels.size()) < 20);  // a JPEG file
      CHECK(layers_seen(p, label) == Layers{colored(hand.label, colors)});
      CHECK(layers_seen(p, prediction) == Layers{colored(hand.answer, colors)});
      std::string wrong;
      std::vector<Rgb> hard, unsure;
      const std::vector<Rgb> heat = train::heat_colors();
      for (std::size_t i = 0; i < 8; ++i) {
        const char is = hand.label[i], said = hand.answer[i];
        wrong += is == said || is == 'x' ? '0' : said == '2' ? '1' : is == '2' ? '2' : '3';
        double weights[4] = {std::exp(1), 1, 1, 1}, sum = 0, entropy = 0;
        if (said != '0') weights[said - '0'] = std::exp(4);
        for (const double w : weights) sum += w;
        for (const double w : weights) entropy -= w / sum * std::log(w / sum);
        hard.push_back(is == 'x' ? Rgb{} : heat.at(static_cast<std::size_t>(16 * (1 - weights[is - '0'] / sum))));
        unsure.push_back(heat.at(static_cast<std::size_t>(16 * entropy / std::log(4))));
      }
      const auto of_errors = data::error_colors(data::open_dataset(Painted::once() / "data").schema);
      CHECK(layers_seen(p, errors) == Layers{colored(wrong, {of_errors.begin(), of_errors.end()})});
      CHECK(layers_seen(p, hardness) == Layers{hard});
      CHECK(layers_seen(p, uncertainty) == Layers{unsure});
      // Borders: those of the label have a white edge; the first dash of the prediction's is longer than they are.
      const auto lines = layers_seen(p, outlines);
      REQUIRE(lines.size() == 2);
      for (const int k : {0, 1}) {
        const std::vector<Rgb> filled = colored(k ? hand.answer : hand.label, colors);
        const std::string& digits = k ? hand.answer : hand.label;
        const auto near = [](int i, int j) { return std::abs(i % 4 - j % 4) <= 1 && std::abs(i / 4 - j / 4) <= 1; };
        std::vector<Rgb> drawn(8), expected;
        for (int i = 0; i < 8; ++i)
          for (int j = 0; j < 8; ++j)
            if (near(i, j) && digits[static_cast<std::size_t>(i)] != digits[static_cast<std::size_t>(j)])
              drawn[static_cast<std::size_t>(i)] = filled[static_cast<std::size_t>(i)];
        expected = drawn;
        for (int i = 0; i < 8 && k == 0; ++i)
          for (int j = 0; j < 8; ++j)
            if (near(i, j) && drawn[static_cast<std::size_t>(i)] == Rgb{} && drawn[static_cast<std::size_t>(j)] != Rgb{})
              expected[static_cast<std::size_t>(i)] = {255, 255, 255};
        CHECK(lines[static_cast<std::size_t>(k)] == expected);
      }
    }
  CHECK(names == std::set<std::string>{"a", "b", "c", "d", "e"});
  // Every layer that there is can be chosen, and says what its colors mean.
  for (int view = 0; view <= 6; ++view) {
    const std::string id = "v" + std::to_string(view);
    CHECK(html.find("id=" + id) != std::string::npos);
    CHECK(html.find("#" + id + ":checked~#pall:checked~.gallery ." + id + ".pall{display:block}") != std::string::npos);
    CHECK(html.find("<div class=\"keys k" + id + "\">") != std::string::npos);
  }
}

TEST_CASE("pictures of planes show them one by one, and all") {
  TempFolder f;
  const std::vector<test::Picture> val{{"a", "00112233", "00112230"}, {"b", "x0000001", "00000001"}};
  write_pictures(f / "data", Task::multilabel, {{"t", "00112233", "00112233"}, {"u", "00112233", "00112233"}}, val);
  painted_run(still(f / "data", f / "run"), Task::multilabel);
  const std::string html = io::read_file(f / "run/report.html");
  const Rgb left{200, 100, 0}, right{0, 120, 60}, none{};
  const auto of_errors = data::error_colors(data::open_dataset(f / "data").schema);
  for (const char* title : {"Best images", "Worst images"})
    for (const ShownPicture& p : shown_pictures(section(html, title))) {
      CAPTURE(p.name);
      const test::Picture& hand = p.name == "a" ? val[0] : val[1];
      for (const int plane : {0, 1}) {
        CAPTURE(plane);
        const std::string id = std::to_string(plane);
        std::vector<Rgb> is, said, wrong;
        for (std::size_t i = 0; i < 8; ++i) {
          const bool ignored = hand.label[i] == 'x', t = !ignored && (hand.label[i] - '0') >> plane & 1,
                     d = (hand.answer[i] - '0') >> plane & 1;
          const Rgb color = plane ? right : left;
          is.push_back(t ? color : none);
          said.push_back(d ? color : none);
          wrong.push_back(of_errors[ignored || t == d ? 0 : t ? 1 : 2]);
        }
        const bool shown = p.name == "a" || plane == 0;  // nothing of right is in b
        for (const auto& [view, expected] : {std::pair{label, is}, {prediction, said}, {errors, wrong}})
          CHECK(layers_seen(p, view, id) == (shown ? Layers{expected} : Layers{}));
        // Scores of 2 and -2.
        std::vector<Rgb> hard;
        for (std::size_t i = 0; i < 8; ++i)
          hard.push_back(hand.label[i] == 'x' ? Rgb{}
                                              : train::heat_colors()[static_cast<std::size_t>(
                                                    16 / (1 + std::exp(((hand.label[i] ^ hand.answer[i]) >> plane & 1) ? -2 : 2)))]);
        CHECK(layers_seen(p, hardness, id) == (shown ? Layers{hard} : Layers{}));
      }
      const std::size_t planes = p.name == "a" ? 2 : 1;
      CHECK(layers_seen(p, label).size() == planes);
      CHECK(layers_seen(p, hardness).size() == 1);  // where it is highest
    }
  for (const char* plane : {"pall>all planes", "p0>left", "p1>right"})
    CHECK(html.find(std::string("<label for=") + plane) != std::string::npos);
  // With a plane its classes' colors alone are told.
  for (const char* plane : {"0", "1"})
    CHECK(html.find("#p" + std::string(plane) + ":checked~.chooser .group:not(.g" + plane + "){display:none}") != std::string::npos);
  CHECK(
      all(html.substr(0, html.find("keys kv1")), "group g([0-9])\"> <span class=key><i style=\"background:(#[0-9a-f]+)\"></i>([a-z]+)<") ==
      std::vector<std::vector<std::string>>{{"0", "#c86400", "left"}, {"1", "#00783c", "right"}});
}

TEST_CASE("outlines: the label is a whole line with a white edge, the prediction dashes, two pixels wide") {
  const auto seen = [](int side, int reach) {  // a diamond on nothing
    train::Looked at{.photo = data::Image(side, side, 3), .truth = data::LabelImage(side, side), .prediction = {}};
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) at.truth.at(x, y) = std::abs(x - side / 2) + std::abs(y - side / 2) <= reach;
    at.prediction = at.truth;
    data::LabelSchema schema;
    schema.names = {"none", "it"}, schema.values = {0, 1}, schema.colors = {{0, 0, 0}, {9, 200, 30}}, schema.background = 0;
    const train::Picture p = train::encoded(at, schema, 1'000'000);
    std::vector<std::vector<Rgb>> lines;
    for (const train::PictureLayer& layer : p.layers)
      if (layer.view == train::PictureView::outlines) lines.push_back(pixels_of(layer.png));
    return lines;
  };
  const Rgb color{9, 200, 30}, white{255, 255, 255}, black{16, 16, 16};
  const auto row = [](const std::vector<Rgb>& pixels, int side, int y) {
    return std::vector(pixels.begin() + y * side, pixels.begin() + (y + 1) * side);
  };
  constexpr int kSide = 320;
  const auto large = seen(kSide, 50);
  REQUIRE(large.size() == 2);
  // In the row of the middle the diamond begins at 110: two pixels of each row to the right of its border are within two of it.
  const auto middle = row(large[0], kSide, kSide / 2);
  CHECK(middle[108] == Rgb{});
  CHECK(middle[109] == white);
  CHECK(middle[110] == color);
  CHECK(std::count(large[0].begin(), large[0].end(), black) == 0);
  CHECK(std::count(large[1].begin(), large[1].end(), white) == 0);
  const auto top = row(large[0], kSide, kSide / 2 - 20);  // 30 wide to the left of the middle, 50 - 20
  std::ptrdiff_t wide = std::count(top.begin(), top.begin() + kSide / 2, color);
  CHECK(wide == 4);  // of a slope, as far as two rows and two columns reach
  // Each of the four sides changes between color and black several times.
  for (const int dx : {-1, 1})
    for (const int dy : {-1, 1}) {
      int changes = 0;
      Rgb last{};
      for (int k = 5; k <= 45; ++k) {
        const Rgb now = large[1][static_cast<std::size_t>((kSide / 2 + dy * k) * kSide + kSide / 2 + dx * (50 - k))];
        CHECK((now == color || now == black));
        changes += k > 5 && now != last, last = now;
      }
      CHECK(changes >= 4);
      CHECK(changes <= 12);
    }
  const auto small = seen(160, 20), same = seen(kSide, 20);
  CHECK(std::count(small[0].begin(), small[0].end(), color) < std::count(same[0].begin(), same[0].end(), color));
}

TEST_CASE("colors of errors are those of no class") {
  const auto apart = [](const Rgb& a, const Rgb& b) { return std::abs(a[0] - b[0]) + std::abs(a[1] - b[1]) + std::abs(a[2] - b[2]); };
  data::LabelSchema schema;
  schema.colors = data::default_colors(11);
  const auto usual = data::error_colors(schema);
  CHECK(usual[0] == Rgb{});
  schema.colors.insert(schema.colors.end(), {usual[1], usual[2], usual[3]});
  const auto other = data::error_colors(schema);
  for (std::size_t k = 1; k < 4; ++k) {
    for (const Rgb& color : schema.colors) CHECK(apart(other[k], color) >= 90);
    for (std::size_t j = 0; j < k; ++j) CHECK(apart(usual[k], usual[j]) >= 90);
  }
}

TEST_CASE("of 15 images four are the best, four the worst, two in the middle, three drawn from the others") {
  TempFolder f;
  std::vector<test::Picture> val;  // of red, in the order of their names
  for (int k = 0; k < 15; ++k) {
    std::string answer = "11111111";
    for (int i = 0; i < k / 2; ++i) answer[static_cast<std::size_t>(i)] = '2';
    val.push_back({std::string(1, static_cast<char>('a' + k)), "11111111", answer});
  }
  write_pictures(f / "data", Task::multiclass, {{"t", "00112233", "00112233"}, {"u", "00112233", "00112233"}}, val);
  painted_run(still(f / "data", f / "run"), Task::multiclass);
  const std::string html = io::read_file(f / "run/report.html");
  std::set<std::string> all;
  std::string in_order;
  for (const auto& [title, count] :
       {std::pair{"Best images", 4}, {"Images in the middle", 2}, {"Images drawn at random", 3}, {"Worst images", 4}}) {
    const auto pictures = shown_pictures(section(html, title));
    CHECK(static_cast<int>(pictures.size()) == count);
    for (const ShownPicture& p : pictures) all.insert(p.name), in_order += p.name;
  }
  CHECK(all.size() == 13);
  CHECK(in_order.substr(0, 6) == "abcdgh");
  CHECK(in_order.substr(9) == "onml");
  for (const char* file : {"best_4", "middle_2", "random_3", "worst_4"})
    CHECK(std::filesystem::exists(f / "run/overlays" / (std::string(file) + ".png")));
}

TEST_CASE("a report of 500 images is below 5 MB whatever its photographs, and says where it shows less than there is") {
  TempFolder f;
  std::vector<test::Picture> val;  // without a foreground there is no score, and no picture
  for (int k = 0; k < 500; ++k) val.push_back({"image_" + std::to_string(k), "22222222", "22222222"});
  write_pictures(f / "data", Task::multiclass, {{"t", "00112233", "00112233"}, {"u", "00112233", "00112233"}}, val);
  painted_run(still(f / "data", f / "run"), Task::multiclass);
  Random random(RandomKey{1, 2});
  data::Image noise(1000, 800, 3);
  for (auto& v : noise.pixels) v = static_cast<std::uint8_t>(random.below(256));
  data::LabelImage mask(1000, 800);
  for (auto& v : mask.labels) v = static_cast<std::uint8_t>(random.below(4));
  for (int k = 0; k < 13; ++k)
    for (const auto& [folder, bytes] : {std::pair{"images", data::encode_png(noise)}, {"masks", data::encode_png(mask)}})
      io::write_file_atomically(f / ("data/" + std::string(folder) + "/image_" + std::to_string(k) + ".png"), bytes);
  train::write_run_report({f / "run"}, data::open_dataset(f / "data"));
  const std::string html = io::read_file(f / "run/report.html");
  CHECK(html.size() < 5'000'000);
  CHECK(html.size() > 2'000'000);  // it uses what it may
  CHECK(all(html, "shown at [0-9]+x[0-9]+ of 1000x800 pixels").size() == 13);
  CHECK(html.find("All 500 images") != std::string::npos);
}

TEST_CASE("the report shows the first training batch, augmented, with its labels") {
  TempFolder f;
  write_pictures(f / "data", Task::multiclass, {{"t", "0000xx11", "00001111"}, {"u", "11111111", "11111111"}},
                 {{"a", "00112233", "00112233"}});
  auto config = still(f / "data", f / "run");
  config.augment = "vflip=1";
  painted_run(config, Task::multiclass);
  const std::string html = io::read_file(f / "run/report.html"),
                    samples = section(html, "The first training batch as the network saw it (--augment vflip=1)");
  const std::string of_t = samples.substr(0, samples.find("<figcaption>t<"));
  const data::Image t = data::decode_image(decoded(of_t.substr(of_t.rfind("base64,") + 7)), "t");
  REQUIRE((t.width == 2 * kPaintedWidth + 4 && t.height == kPaintedHeight));
  const auto red = [&](int left, int y) { return t.at(left, y)[0] + t.at(left + 1, y)[0] + t.at(left + 2, y)[0]; };
  const data::Image source = data::read_image(f / "data/images/t.png");
  int brighter = 0;  // upside down, a JPEG as bright as it was
  for (int x = 0; x < kPaintedWidth; ++x)
    for (int c = 0; c < 3; ++c) brighter += int{t.at(x, 0)[c]} - int{source.at(x, kPaintedHeight - 1)[c]};
  CHECK(std::abs(brighter) <= 5 * 3 * kPaintedWidth);
  CHECK(red(0, 0) > red(0, 1) + 100);
  CHECK(t.at(kPaintedWidth + 6, 1)[0] > t.at(kPaintedWidth + 6, 1)[1]);  // sky's color, half of it, below
  CHECK(all(samples, "<figcaption>([tu])</figcaption>").size() == 2);
}
