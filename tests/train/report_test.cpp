// What a person reads of a run, against predictions that are known pixel by pixel.
#include "lamina/train/report.hpp"

#include <cmath>
#include <map>
#include <regex>

#include "support/charts.hpp"
#include "support/painted_report.hpp"

using namespace lamina;
using namespace lamina::test;
namespace fs = std::filesystem;
using data::Task;

namespace {

constexpr std::size_t kGreen = 2;
const char* const kKinds[] = {"dice", "iou", "precision", "recall", "specificity"};

/// The scores of five pictures of grades, and the report's sentence that sets them beside those of the most frequent grade.
void check_grades(const fs::path& run, const Counts& hand, const std::string& html) {
  double off = 0, near = 0, seen = 0, expected = 0;
  for (std::size_t t = 0; t < 4; ++t)
    for (std::size_t p = 0; p < 4; ++p) {
      const double d = std::abs(static_cast<double>(t) - static_cast<double>(p)), n = hand.n[t][p];
      off += d * n, near += (d <= 1) * n, seen += d * d * n;
      expected += d * d * hand.labelled(t) * hand.answered(p) / hand.total();
    }
  const double kappa = 1 - seen / expected;
  CHECK(column(run, "mean_absolute_error").at(1) == doctest::Approx(off / 40));
  CHECK(column(run, "within_one").at(1) == doctest::Approx(near / 40));
  CHECK(column(run, "quadratic_kappa").at(1) == doctest::Approx(kappa));
  char text[200];  // always the most frequent grade, none
  double far = 0;
  for (std::size_t t = 0; t < 4; ++t) far += static_cast<double>(t) * hand.labelled(t);
  std::snprintf(text, sizeof text, "mean absolute error %.4f (%.4f) grades, within one grade %.4f (%.4f), quadratic kappa %.4f (%.4f)",
                off / 40, far / 40, near / 40, (hand.labelled(0) + hand.labelled(1)) / 40, kappa, 0.0);
  CHECK_MESSAGE(html.find(text) != std::string::npos, text);
}

}  // namespace

TEST_CASE("metrics.csv: every score of every class and their means against counts by hand") {
  const Counts hand(Task::multiclass, kPictures);
  const fs::path run = Painted::once() / "run";
  CHECK(column(run, "accuracy").at(1) == doctest::Approx(hand.accuracy()));
  for (const std::string kind : kKinds) {
    CAPTURE(kind);
    for (std::size_t c = 0; c < 4; ++c) CHECK(column(run, kind + "_" + kNames[c]).at(1) == doctest::Approx(hand.score(kind, c)));
    CHECK(column(run, kind + "_macro").at(1) == doctest::Approx(hand.mean(kind)));
    CHECK(column(run, kind + "_macro_foreground").at(1) == doctest::Approx(hand.mean(kind, kGreen)));
    CHECK(column(run, kind + "_micro").at(1) == doctest::Approx(hand.micro(kind)));
  }
  // As JSON the same.
  const auto rows = lines(run / "metrics.jsonl");
  REQUIRE(rows.size() == 2);
  const auto json = nlohmann::json::parse(rows[1]);
  const auto header = csv_records(io::read_file(run / "metrics.csv")).at(0);
  CHECK(json.size() == header.size());
  for (const std::string& name : header) {
    CAPTURE(name);
    if (json.at(name).is_number()) CHECK(json.at(name).get<double>() == doctest::Approx(column(run, name).at(1)));
  }
}

TEST_CASE("confusion.csv and its drawing: rows are labels, columns predictions") {
  const Counts hand(Task::multiclass, kPictures);
  const auto rows = csv_records(Painted::once().read("confusion.csv"));
  REQUIRE(rows.size() == 5);
  for (std::size_t t = 0; t < 4; ++t) {
    CHECK(rows[0][t + 1] == kNames[t]);
    CHECK(rows[t + 1][0] == kNames[t]);
    for (std::size_t p = 0; p < 4; ++p) CHECK(std::stod(rows[t + 1][p + 1]) == hand.n[t][p]);
  }
  const auto state = trainer_state(Painted::once() / "run/weights/last.safetensors");
  CHECK(state.at("history").at(1).at("counts").at("labels").get<std::vector<std::vector<double>>>() == hand.n);
  CHECK(hand.n[1][0] != hand.n[0][1]);
  CHECK(hand.n[1][2] != hand.n[2][1]);

  const std::string svg = section(Painted::once().read("report.html"), "Confusion matrix");
  std::map<double, std::size_t> column_at, row_at;
  for (const auto& label : all(svg, "<text x=\"([0-9.]+)\" y=\"[0-9.]+\" text-anchor=\"start\"[^>]*rotate[^>]*>([a-z]+)<"))
    column_at[std::stod(label[0])] = static_cast<std::size_t>(std::find(kNames.begin(), kNames.end(), label[1]) - kNames.begin());
  for (const auto& label : all(svg, "<text x=\"[0-9.]+\" y=\"([0-9.]+)\" text-anchor=\"end\"[^>]*>([a-z]+)<"))
    row_at[std::stod(label[0])] = static_cast<std::size_t>(std::find(kNames.begin(), kNames.end(), label[1]) - kNames.begin());
  std::size_t shown = 0, filled = 0;
  for (const auto& cell : all(svg, "<text x=\"([0-9.]+)\" y=\"([0-9.]+)\" text-anchor=\"middle\"[^>]*>([0-9.]+)<")) {
    const std::size_t t = row_at.at(std::stod(cell[1])), p = column_at.at(std::stod(cell[0]));
    CHECK(std::abs(std::stod(cell[2]) - 100 * hand.n[t][p] / hand.labelled(t)) < 0.51);
    ++shown;
  }
  for (const auto& row : hand.n) filled += static_cast<std::size_t>(std::count_if(row.begin(), row.end(), [](double v) { return v > 0; }));
  CHECK(shown == filled);
  // What is right is blue, the rest orange, and more is darker.
  const auto cells = all(svg, "<rect x=\"[0-9.]+\" y=\"[0-9.]+\" width=\"46.0\"[^>]*fill=\"rgb\\(([0-9]+),([0-9]+),([0-9]+)\\)\"");
  REQUIRE(cells.size() == 16);
  for (std::size_t i = 0; i < 16; ++i) {
    const double share = hand.n[i / 4][i % 4] / hand.labelled(i / 4);
    const int red = std::stoi(cells[i][0]), green = std::stoi(cells[i][1]);
    CHECK((share == 0 ? red == 255 && green == 255 : i / 4 == i % 4 ? green > red : red > green));
  }
}

TEST_CASE("a confusion matrix has room for the names of its classes, and shortens those that are too long") {
  metrics::ConfusionMatrix counts(4);
  const std::vector<std::string> names{"damage A moderate", "MMMMMMMMMMWWWWWWWWWW", "skin", std::string(60, 'n')};
  const std::string svg = train::confusion_svg(counts, names, {});
  const double left = std::stod(all(svg, "<text x=\"([0-9.]+)\" y=\"[0-9.]+\" text-anchor=\"end\"").at(0)[0]);
  CHECK(left > 20 * 0.98 * 12);  // DejaVu Sans: M 0.86, W 0.99 of 12 pixels
  CHECK(left < 600);
  CHECK(svg.find(std::string(38, 'n') + "..<") != std::string::npos);
}

TEST_CASE("the report's table: scores in their columns, shares of the labels, means, the baseline") {
  const Counts hand(Task::multiclass, kPictures);
  std::map<std::string, std::vector<std::string>> table;
  const std::string text = section(Painted::once().read("report.html"), "Scores");
  for (const auto& row : all(text, "<tr[^>]*>(.*?)</tr>")) {
    std::vector<std::string> cells;
    for (const auto& cell : all(row[0], "<t[hd][^>]*>(.*?)</t[hd]>")) cells.push_back(without_tags(cell[0]));
    table[cells[0]] = {cells.begin() + 1, cells.end()};
  }
  CHECK(table.at("class") == std::vector<std::string>{"share of pixels", "Dice", "IoU", "precision", "recall", "specificity"});
  const auto check = [&](const std::string& name, auto&& value) {
    CAPTURE(name);
    for (std::size_t k = 0; k < 5; ++k) CHECK(std::abs(std::stod(table.at(name).at(k + 1)) - value(kKinds[k])) <= 5.01e-4);
  };
  for (std::size_t c = 0; c < 4; ++c) {
    check(kNames[c], [&](const char* kind) { return hand.score(kind, c); });
    CHECK(std::abs(std::stod(table.at(kNames[c])[0]) - 100 * hand.labelled(c) / hand.total()) <= 5.01e-3);
  }
  check("macro (all classes)", [&](const char* kind) { return hand.mean(kind); });
  check("macro foreground", [&](const char* kind) { return hand.mean(kind, kGreen); });
  check("micro", [&](const char* kind) { return hand.micro(kind); });
  check("micro foreground", [&](const char* kind) { return hand.micro(kind, kGreen); });
  // Always green: 19 of 44 labelled pixels.
  CHECK(hand.labelled(kGreen) == 19);
  CHECK(text.find("always answering the most frequent class scores 0.432") != std::string::npos);
  const double green = 2 * 19.0 / (19 + 44);
  CHECK(std::abs(std::stod(table.at("always the most frequent class: macro")[1]) - green / 4) <= 5.01e-4);
  CHECK(std::stod(table.at("always the most frequent class: macro foreground")[1]) == 0);
  CHECK(std::abs(std::stod(all(text, "Pixel accuracy ([0-9.]+);").at(0)[0]) - hand.accuracy()) <= 5.01e-4);
}

TEST_CASE("the line of an epoch and the report's first sentence name the scores and what they are compared with") {
  const Counts hand(Task::multiclass, kPictures);
  const auto has = [](const std::string& text, const std::string& line) { CHECK_MESSAGE(text.find(line) != std::string::npos, line); };
  const auto decimal = [](double v, int digits) {
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", digits, v);
    return std::string(text);
  };
  const fs::path run = Painted::once() / "run";
  const double foreground = hand.mean("dice", kGreen), majority = 19.0 / 44;
  has(Painted::once().read("log.txt"), "epoch 2/2  loss " + decimal(column(run, "loss")[1], 4) + "  val " +
                                           decimal(column(run, "val_loss")[1], 4) + "  Dice foreground " + decimal(foreground, 4) +
                                           " macro " + decimal(hand.mean("dice"), 4) + "  acc " + decimal(hand.accuracy(), 4));
  const std::string log = Painted::once().read("log.txt"),
                    baseline = "always the most frequent class: Dice 0.0000, accuracy " + decimal(majority, 4);
  has(log, "\n" + baseline + "\n");
  CHECK(log.find(baseline) == log.rfind(baseline));  // once
  has(Painted::once().read("report.html"),
      decimal(foreground, 3) + " on 6 validation images. Always answering the most frequent class scores 0.000, at a pixel accuracy of " +
          decimal(majority, 3));
}

TEST_CASE("images are ranked by their own score, best first, those without one last: classes, planes and grades") {
  struct Case {
    Task task;
    std::vector<Picture> val;
    std::vector<std::pair<const char*, double>> ranked;  // and what they are ranked by
    std::size_t by;                                      // its column
    std::vector<const char*> best, middle, worst;
  };
  const Case cases[] = {
      {Task::multiclass,
       kPictures,
       {{"a", 1}, {"b", 8.0 / 9}, {"e", 5.0 / 6}, {"d", 0.5}, {"c", 0}, {"f", NAN}},
       1,
       {"a", "b"},
       {"e"},
       {"c", "d"}},
      {Task::multilabel,
       {{"c", "33330000", "11110000"},
        {"f", "00000000", "00000000"},
        {"d", "00000002", "00000001"},
        {"b", "00001111", "00000111"},
        {"a", "00112233", "00112233"},
        {"e", "22222222", "22222000"}},
       {{"a", 1}, {"b", 6.0 / 7}, {"e", 10.0 / 13}, {"c", 0.5}, {"d", 0}, {"f", NAN}},
       1,
       {"a", "b"},
       {"e"},
       {"d", "c"}},
      {Task::ordinal,  // by Dice e would be worse than g
       {{"c", "00003333", "00001333"},
        {"f", "xxxxxxxx", "00000000"},
        {"g", "33333333", "33333000"},
        {"b", "00001111", "00001112"},
        {"e", "00000003", "00000000"},
        {"a", "01230123", "01230123"}},
       {{"a", 0}, {"b", 1 / 8.0}, {"c", 2 / 8.0}, {"e", 3 / 8.0}, {"g", 9 / 8.0}, {"f", NAN}},
       3,
       {"a", "b"},
       {"c"},
       {"g", "e"}},
  };
  for (const Case& c : cases) {
    CAPTURE(name_of(c.task));
    TempFolder own;
    if (c.task != Task::multiclass) {
      write_pictures(own / "data", c.task, kReportTrain, c.val);
      auto config = still(own / "data", own / "run");
      config.resize = "pad";  // what is added around the picture counts nowhere
      config.height = 6;
      painted_run(config, c.task);
    }
    const TempFolder& f = c.task == Task::multiclass ? static_cast<const TempFolder&>(Painted::once()) : own;
    const auto rows = csv_records(io::read_file(f / "run/per_image.csv"));
    REQUIRE(rows.size() == 1 + c.ranked.size());
    for (std::size_t i = 0; i < c.ranked.size(); ++i) {
      const auto& [name, score] = c.ranked[i];
      CAPTURE(name);
      CHECK(rows[i + 1][0] == name);
      CHECK((std::isnan(score) ? rows[i + 1][c.by] == "n/a" : std::abs(std::stod(rows[i + 1][c.by]) - score) < 1e-6));
      const auto one = *std::find_if(c.val.begin(), c.val.end(), [&name = name](const Picture& p) { return p.name == name; });
      if (one.label != "xxxxxxxx") CHECK(std::stod(rows[i + 1][2]) == doctest::Approx(Counts(c.task, {one}).accuracy()));
    }
    const std::string html = io::read_file(f / "run/report.html");
    const Counts hand(c.task, c.val);
    const auto confusion = csv_records(io::read_file(f / "run/confusion.csv"));
    for (std::size_t t = 0; t < hand.n.size(); ++t)
      for (std::size_t p = 0; p < hand.n.size(); ++p) CHECK(std::stod(confusion.at(t + 1).at(p + 1)) == hand.n[t][p]);
    if (c.task == Task::ordinal) check_grades(f / "run", hand, html);
    for (const auto& [title, names] : {std::pair{"Best images", c.best}, {"Images in the middle", c.middle}, {"Worst images", c.worst}}) {
      const std::vector<ShownPicture> pictures = shown_pictures(section(html, title));
      REQUIRE(pictures.size() == names.size());
      for (std::size_t i = 0; i < names.size(); ++i) {
        CHECK(pictures[i].name == names[i]);
        const auto caption = all(pictures[i].caption, "^([a-z]): (?:Dice|off by) ([0-9.]+)").at(0);
        CHECK(caption[0] == names[i]);
        const auto ranked = std::find_if(c.ranked.begin(), c.ranked.end(), [&](const auto& r) { return caption[0] == r.first; });
        CHECK(std::abs(std::stod(caption[1]) - ranked->second) <= 5.01e-4);
      }
    }
  }
}

TEST_CASE("overlays: photograph, label and prediction, in this order, in the data set's colors") {
  const data::Rgb colors[] = {{200, 100, 0}, {0, 120, 60}, {0, 0, 0}, {40, 0, 220}};
  for (const auto& [file, name] : {std::pair{"best_1", "a"}, {"best_2", "b"}, {"middle_1", "e"}, {"worst_1", "c"}, {"worst_2", "d"}}) {
    CAPTURE(file);
    const data::Image image = data::read_image(Painted::once() / "run/overlays" / (std::string(file) + ".png"));
    REQUIRE(image.width == 3 * kPaintedWidth + 8);
    REQUIRE(image.height == kPaintedHeight);
    const data::Image photo = photograph(picture(name), Task::multiclass);
    for (int y = 0; y < kPaintedHeight; ++y)
      for (int x = 0; x < kPaintedWidth; ++x)
        for (int c = 0; c < 3; ++c) {
          const auto i = static_cast<std::size_t>(y * kPaintedWidth + x);
          const int plain = photo.at(x, y)[c];
          const auto blended = [&](char label) {
            const data::Rgb& color = colors[label - '0'];
            return color == data::Rgb{} ? plain : (plain + color[static_cast<std::size_t>(c)]) / 2;
          };
          CHECK(int{image.at(x, y)[c]} == plain);
          CHECK(std::abs(image.at(kPaintedWidth + 4 + x, y)[c] - blended(picture(name).label[i])) <= 1);
          CHECK(std::abs(image.at(2 * (kPaintedWidth + 4) + x, y)[c] - blended(picture(name).answer[i])) <= 1);
        }
  }
  const std::string key = section(Painted::once().read("report.html"), "Pictures");
  CHECK(all(key.substr(0, key.find("keys kv1")), "background:(#[^\"]*)\"></i>([a-z]+)<") ==
        std::vector<std::vector<std::string>>{{"#c86400", "sky"}, {"#00783c", "red"}, {"#2800dc", "blue"}});
}

TEST_CASE("charts show the columns of metrics.csv that their legends name") {
  const fs::path run = Painted::once() / "run";
  const auto check = [&](const char* file, const std::vector<std::pair<std::string, std::string>>& expected, double tolerance) {
    const std::string svg = io::read_file(run / "plots" / (std::string(file) + ".svg"));
    CHECK(io::read_file(run / "report.html").find(svg) != std::string::npos);
    const auto drawn = chart(svg);
    CHECK(drawn.size() == expected.size());
    for (const auto& [name, of] : expected) {
      CAPTURE(name);
      const auto values = column(run, of), epochs = column(run, "epoch");
      const auto& line = drawn.at(name);
      REQUIRE(line.size() == values.size());
      for (std::size_t i = 0; i < values.size(); ++i) {
        CHECK(std::abs(line[i].first - epochs[i]) < 0.01);
        CHECK(std::abs(line[i].second - values[i]) < tolerance);
      }
    }
  };
  check("loss", {{"training", "loss"}, {"validation", "val_loss"}}, 0.01);
  check("scores",
        {{"Dice foreground", "dice_macro_foreground"}, {"Dice macro", "dice_macro"}, {"IoU macro", "iou_macro"}, {"accuracy", "accuracy"}},
        0.002);
  check("dice_per_class", {{"sky", "dice_sky"}, {"red", "dice_red"}, {"green", "dice_green"}, {"blue", "dice_blue"}}, 0.002);
  check("learning_rate", {{"Learning rate at the end of the epoch", "lr"}}, 1e-22);
  CHECK(column(run, "lr").at(1) < 0.6 * column(run, "lr").at(0));
}
