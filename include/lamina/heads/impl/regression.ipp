#include "lamina/heads/regression.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "lamina/ops/slice_channels.hpp"

namespace lamina::heads {
namespace {

/// "0.4/1.5/2.6" of every plane, colons between.
std::vector<std::vector<float>> parse_thresholds(const std::string& text) {
  std::vector<std::vector<float>> all(1);
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find_first_of("/:", begin), text.size());
    float v = 0;
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, v);
    require<OptionError>(error == std::errc() && stop == text.data() + end && std::isfinite(v), "head regression:", text, ": \"",
                         text.substr(begin, end - begin), "\" is no threshold; write for example regression:0.5/1.5/2.5");
    all.back().push_back(v);
    if (end < text.size() && text[end] == ':') all.emplace_back();
    begin = end + 1;
  }
  return all;
}

}  // namespace

Regression::Regression(data::LabelSchema schema, std::string name, const std::string& thresholds)
    : Graded(std::move(schema), std::move(name)) {
  const auto grades = static_cast<std::size_t>(this->schema().classes());
  std::vector<float> middles;
  for (std::size_t grade = 1; grade < grades; ++grade) middles.push_back(static_cast<float>(grade) - 0.5f);
  thresholds_.assign(static_cast<std::size_t>(graded()), middles);
  if (thresholds.empty()) return;
  const auto given = parse_thresholds(thresholds);
  require<OptionError>(given.size() == 1 || given.size() == thresholds_.size(), "head regression:", thresholds, ": thresholds of ",
                       given.size(), " planes for ", thresholds_.size());
  for (std::size_t k = 0; k < thresholds_.size(); ++k) {
    const std::vector<float>& own = given[given.size() == 1 ? 0 : k];
    const bool ascend = std::adjacent_find(own.begin(), own.end(), std::greater_equal<>()) == own.end();
    require<OptionError>(own.size() == middles.size() && ascend, "head regression:", thresholds, ": ", grades, " grades have ",
                         middles.size(), " thresholds between them, ascending");
    thresholds_[k] = own;
  }
  name_kind();
}

std::shared_ptr<const Head> Regression::with_thresholds(std::vector<std::vector<float>> thresholds) const {
  auto other = std::make_shared<Regression>(schema(), name());
  other->thresholds_ = std::move(thresholds);
  other->name_kind();
  return other;
}

void Regression::name_kind() {
  for (const std::vector<float>& own : thresholds_)
    for (std::size_t k = 0; k < own.size(); ++k) {
      char text[32];
      kind_ += k ? '/' : ':';
      kind_.append(text, std::to_chars(text, text + sizeof text, own[k]).ptr);
    }
}

Tensor Regression::decide(const Tensor& values, Scale) const {
  if (std::all_of(thresholds_.begin(), thresholds_.end(), [&](const auto& own) { return own == thresholds_[0]; }))
    return grades_above(values, thresholds_[0]);
  const std::size_t all = thresholds_.size();
  std::vector<std::uint8_t> decided(static_cast<std::size_t>(values.numel()));
  for (std::size_t plane = 0; plane < all; ++plane) {
    const Tensor one = slice_channels(values, static_cast<std::int64_t>(plane), 1);
    const auto grades = count_above(one, thresholds_[plane]).to_vector<std::uint8_t>();
    for (std::size_t i = 0; i < grades.size(); ++i) decided[i * all + plane] = grades[i];
  }
  return Tensor::from<std::uint8_t>(decided, values.shape()).to(values.device());
}

}  // namespace lamina::heads
