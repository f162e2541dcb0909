// Parts of a report, against predictions that are known pixel by pixel.
#include "lamina/train/charts.hpp"
#include "support/charts.hpp"
#include "support/painted_report.hpp"
#include "support/several_heads.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("the report counts images and pixels of each split, and shares of labelled pixels") {
  const std::string text = section(Painted::once().read("report.html"), "Images and pixels of each split");
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : all(text, "<tr>(.*?)</tr>")) {
    rows.emplace_back();
    for (const auto& cell : all(row[0], "<t[hd][^>]*>(.*?)</t[hd]>")) rows.back().push_back(without_tags(cell[0]));
  }
  // Of 44 labelled pixels of val 19 are green; 4 are ignored.
  const std::vector<std::vector<std::string>> expected{{"", "training", "validation", "test"},
                                                       {"images", "2", "6", "0"},
                                                       {"pixels", "16", "48", "0"},
                                                       {"sky", "25.000 %", "25.000 %", "-"},
                                                       {"red", "25.000 %", "18.182 %", "-"},
                                                       {"green", "25.000 %", "43.182 %", "-"},
                                                       {"blue", "25.000 %", "13.636 %", "-"}};
  CHECK(rows == expected);
  CHECK(all(text, "<i style=\"background:(#[0-9a-f]*)\"></i>([a-z]+)<") ==
        std::vector<std::vector<std::string>>{{"#c86400", "sky"}, {"#00783c", "red"}, {"#767676", "green"}, {"#2800dc", "blue"}});
}

TEST_CASE("the report's images: what their score is, how they are distributed, mean and median with intervals, each of them") {
  const std::string text = section(Painted::once().read("report.html"), "Scores of the images");
  const double scores[] = {0, 0.5, 5.0 / 6, 8.0 / 9, 1};  // c, d, e, b, a; f has none
  CHECK(text.find("the mean over the classes other than the background that its label or its prediction has") != std::string::npos);
  const auto said = all(text,
                        "Mean ([0-9.]+) \\(([0-9.]+) to ([0-9.]+)\\), median ([0-9.]+) \\(([0-9.]+) to ([0-9.]+)\\), worst 0.000, "
                        "best 1.000 of 5 images; in brackets the 95 % interval of 1000 bootstrap resamples");
  REQUIRE(said.size() == 1);
  const auto number = [&](std::size_t k) { return std::stod(said[0][k]); };
  CHECK(number(0) == doctest::Approx((0.5 + 5.0 / 6 + 8.0 / 9 + 1) / 5).epsilon(1e-3).scale(0));
  CHECK(number(3) == doctest::Approx(5.0 / 6).epsilon(1e-3).scale(0));
  CHECK((number(1) < number(0) && number(0) < number(2) && number(4) < number(3) && number(3) <= number(5)));
  CHECK(text.find("1 image has no score") != std::string::npos);
  std::vector<int> bars(20);
  for (const double s : scores) ++bars[static_cast<std::size_t>(std::min(s * 20, 19.0))];
  const auto drawn = all(text, "height=\"([0-9.]+)\" fill=\"#[0-9a-f]+\"><title>([0-9.]+) to [0-9.]+: ([0-9]+) image");
  REQUIRE(drawn.size() == 20);
  for (std::size_t k = 0; k < 20; ++k) {
    CHECK(std::stod(drawn[k][1]) == doctest::Approx(0.05 * static_cast<double>(k)));
    CHECK(std::stoi(drawn[k][2]) == bars[k]);
    CHECK(std::stod(drawn[k][0]) == doctest::Approx(226.0 * bars[k]).epsilon(1e-3));
  }
  const auto rows = all(text, "<tr><th>([a-z]+)</th><td class=num>([0-9./na]+)</td><td class=num>([0-9./na]+)</td></tr>");
  const std::pair<const char*, const char*> expected[] = {{"f", "n/a"},    {"c", "0.0000"}, {"d", "0.5000"},
                                                          {"e", "0.8333"}, {"b", "0.8889"}, {"a", "1.0000"}};
  REQUIRE(rows.size() == std::size(expected));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i][0] == expected[i].first);
    CHECK(rows[i][1] == expected[i].second);
  }
}

TEST_CASE("of classes that overlap a pixel of none has a label, and each class's share is of its own plane, in every table") {
  const TempFolder f;
  const std::vector<Picture> train{{"t0", "01230123", "00011222"}, {"t1", "0000000x", "22000000"}}, none{{"v", "00000000", "00011222"}};
  auto c = still(f / "planes", f / "run");
  write_pictures(c.data, data::Task::multilabel, train, none);
  train_to(c);
  CHECK(io::read_file(f / "run/log.txt").find("no pixel of the val split has a label") == std::string::npos);
  const std::string html = io::read_file(f / "run/report.html");
  CHECK(section(html, "Images and pixels").find("26.667 %") != std::string::npos);  // 4 of 15

  write_pictures(f / "marked", data::Task::multilabel, train, {{"v", "1110000x", "00011222"}});
  c = still(f / "marked", f / "marked_run");
  train_to(c);
  const std::string marked = io::read_file(f / "marked_run/report.html");
  CHECK(section(marked, "Scores").find("42.86 %") != std::string::npos);  // 3 of 7
  CHECK(section(marked, "Scores").find("in its plane; that of (none) is of all planes together") != std::string::npos);
  CHECK(section(Painted::once().read("report.html"), "Scores").find("a label.</p>") != std::string::npos);
  CHECK(section(marked, "Images and pixels").find("42.857 %") != std::string::npos);

  write_pictures(f / "nothing", data::Task::multilabel, {{"t0", "00000000", "00011222"}, {"t1", "00000000", "22000000"}}, none);
  c = still(f / "nothing", f / "nothing_run");
  c.class_weights = "none";
  check_throws<DataError>([&] { train_to(c, 1); }, {"no training pixel is of any class"});
}

TEST_CASE("the report says what borders are, how near is near, and what a class that is missed counts as") {
  const std::string text = section(Painted::once().read("report.html"), "Borders");
  for (const char* words : {"one of their four neighbours", "pixels of the images as they were scored, at 4x2", "within 2 pixels",
                            "counts as the image's diagonal and as 0"})
    CHECK_MESSAGE(text.find(words) != std::string::npos, words);
}

TEST_CASE("a chart has room for its numbers beside what they are of") {
  const std::string svg =
      train::line_chart_svg({{"lr", {{1, 0.00012345}, {2, 0.00012346}}}}, {.title = "t", .x_label = "x", .y_label = "lr"});
  for (const auto& tick : all(svg, "<text x=\"([0-9.]+)\"[^>]*text-anchor=\"end\"[^>]*>([^<]*)<"))
    CHECK(std::stod(tick[0]) - 0.64 * 11 * static_cast<double>(tick[1].size()) > 14);
}

TEST_CASE("several heads: a class has one share in every table, that of its own plane") {
  const TempFolder f;
  write_three_heads(f / "data", 8);
  auto c = still(f / "data", f / "run");
  c.width = c.height = 32;
  train_to(c);
  const std::string html = io::read_file(f / "run/report.html"), name = "<th>(?:<i[^>]*></i>)?([a-zAB ]+)</th>", cell = "<td class=num>";
  std::map<std::string, double> scored;
  for (const auto& row : all(section(html, "Scores"), name + cell + "([0-9.]+) %")) scored[row[0]] = std::stod(row[1]);
  CHECK(scored.size() == 13);
  double tissue = 0;
  for (const auto& row : all(section(html, "Images and pixels"), name + cell + "[^<]*</td>" + cell + "([0-9.]+) %")) {
    CHECK_MESSAGE(std::abs(scored.at(row[0]) - std::stod(row[1])) <= 5.01e-3, row[0]);
    if (row[0].starts_with("tissue")) tissue += std::stod(row[1]);
  }
  CHECK(std::abs(tissue - 100) < 0.01);
}
