#include "lamina/heads/regression.hpp"

#include <algorithm>
#include <charconv>

#include "lamina/ops/slice_channels.hpp"

namespace lamina::heads {

Regression::Regression(data::LabelSchema schema, std::string name) : Graded(std::move(schema), std::move(name)) {
  std::vector<float> middles;
  for (int grade = 1; grade < this->schema().classes(); ++grade) middles.push_back(static_cast<float>(grade) - 0.5f);
  thresholds_.assign(static_cast<std::size_t>(graded()), middles);
}

std::shared_ptr<const Head> Regression::with_thresholds(std::vector<std::vector<float>> thresholds) const {
  require<OptionError>(thresholds.size() == 1 || thresholds.size() == thresholds_.size(), "head ", name(), ": thresholds of ",
                       thresholds.size(), " planes for ", thresholds_.size());
  thresholds.resize(thresholds_.size(), std::vector<float>(thresholds[0]));
  for (const std::vector<float>& own : thresholds)
    require<OptionError>(
        own.size() == thresholds_[0].size() && std::adjacent_find(own.begin(), own.end(), std::greater_equal<>()) == own.end(), "head ",
        name(), ": ", schema().classes(), " grades have ", thresholds_[0].size(), " thresholds between them, ascending");
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
