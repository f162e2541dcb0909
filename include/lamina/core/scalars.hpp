#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lamina/core/error.hpp"

namespace lamina {

/// Numbers by name, in the order in which they were first set: the only thing that progress, files and checkpoints are told about them.
class Scalars {
 public:
  using Item = std::pair<std::string, double>;
  Scalars() = default;
  Scalars(std::initializer_list<Item> items) : items_(items) {}

  /// The value called `name`, which is appended as 0 where there is none.
  double& operator[](std::string_view name) {
    for (Item& item : items_)
      if (item.first == name) return item.second;
    return items_.emplace_back(name, 0).second;
  }
  /// None: null.
  const double* find(std::string_view name) const {
    for (const Item& item : items_)
      if (item.first == name) return &item.second;
    return nullptr;
  }
  /// Throws OptionError.
  double at(std::string_view name) const {
    const double* value = find(name);
    require<OptionError>(value != nullptr, "there is no number called \"", std::string(name), "\" here");
    return *value;
  }
  /// Adds `factor` times each of the others to the number of its name.
  void add(const Scalars& others, double factor = 1) {
    for (const auto& [name, value] : others) (*this)[name] += value * factor;
  }
  Scalars divided_by(double divisor) const {
    Scalars out = *this;
    for (Item& item : out.items_) item.second /= divisor;
    return out;
  }
  void append(const Scalars& others) { items_.insert(items_.end(), others.begin(), others.end()); }

  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  std::vector<Item>::const_iterator begin() const { return items_.begin(); }
  std::vector<Item>::const_iterator end() const { return items_.end(); }
  bool operator==(const Scalars&) const = default;

 private:
  std::vector<Item> items_;
};

}  // namespace lamina
