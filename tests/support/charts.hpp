#pragma once
#include <doctest/doctest.h>

#include <map>
#include <regex>
#include <string>
#include <utility>
#include <vector>

namespace lamina::test {

/// Every match of an expression: its groups.
inline std::vector<std::vector<std::string>> all(const std::string& text, const std::string& expression) {
  std::vector<std::vector<std::string>> found;
  const std::regex regex(expression);
  for (std::sregex_iterator i(text.begin(), text.end(), regex), end; i != end; ++i) {
    found.emplace_back();
    for (std::size_t g = 1; g < i->size(); ++g) found.back().push_back((*i)[g]);
  }
  return found;
}

/// Lines of a chart by their legend's names (one line: by the title), in the units of its axes.
inline std::map<std::string, std::vector<std::pair<double, double>>> chart(const std::string& svg) {
  const auto axis = [&](const std::string& attributes, std::size_t group) {  // where two ticks are
    const auto ticks = all(svg, "<text x=\"([-0-9.]+)\" y=\"([-0-9.]+)\" " + attributes + "[^>]*>([-0-9.e]+)</text>");
    REQUIRE(ticks.size() >= 2);
    const double p = std::stod(ticks[0][group]), q = std::stod(ticks.back()[group]), a = std::stod(ticks[0][2]),
                 b = std::stod(ticks.back()[2]);
    CHECK((group == 0 ? q > p : q < p) == (b > a));  // to the right and upwards
    const double lift = group == 1 ? 4 : 0;          // text stands 4 below its line
    return [=](double at) { return a + (at + lift - p) / (q - p) * (b - a); };
  };
  const auto x = axis("text-anchor=\"middle\" font-size=\"11\"", 0), y = axis("text-anchor=\"end\" font-size=\"11\"", 1);
  std::map<std::string, std::string> names;  // by colour
  for (const auto& entry : all(svg, "stroke=\"(#[0-9a-f]+)\" stroke-width=\"2.5\"/><text[^>]*>([^<]*)<")) names[entry[0]] = entry[1];
  const std::string title = all(svg, "font-weight=\"600\">([^<]*)<").at(0)[0];
  std::map<std::string, std::vector<std::pair<double, double>>> lines;
  for (const auto& path : all(svg, "<path d=\"([^\"]*)\"[^>]* stroke=\"(#[0-9a-f]+)\"")) {
    auto& line = lines[names.empty() ? title : names.at(path[1])];
    for (const auto& point : all(path[0], "[ML]([-0-9.]+) ([-0-9.]+)")) line.emplace_back(x(std::stod(point[0])), y(std::stod(point[1])));
  }
  return lines;
}

}  // namespace lamina::test
