#pragma once
#include <doctest/doctest.h>
#include <cmath>

#include <algorithm>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "lamina/data/phantom.hpp"
#include "lamina/io/file.hpp"
#include "support/temp_folder.hpp"

namespace lamina::test {

inline std::vector<std::string> lines(const std::filesystem::path& path) {
  std::vector<std::string> out;
  std::istringstream in(io::read_file(path));
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

inline std::vector<std::string> fields(const std::string& line, char separator = ',') {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, separator);) out.push_back(field);
  return out;
}

/// The records of a CSV file as RFC 4180 has them: fields in quotes may hold commas, line breaks, and quotes that are doubled.
inline std::vector<std::vector<std::string>> csv_records(const std::string& text) {
  std::vector<std::vector<std::string>> records;
  std::vector<std::string> record{""};
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"')
      record.back() += text[++i];
    else if (c == '"')
      quoted = !quoted;
    else if (!quoted && c == ',')
      record.emplace_back();
    else if (!quoted && c == '\n')
      records.push_back(std::exchange(record, {""}));
    else
      record.back() += c;
  }
  CHECK_MESSAGE((!quoted && record == std::vector<std::string>{""}), "the last record does not end");
  return records;
}

/// A number of metrics.csv: NaN where it is undefined, or of an epoch without a validation.
inline double csv_number(const std::string& field) { return field.empty() || field == "n/a" ? NAN : std::stod(field); }

/// metrics.csv without the columns that hold times.
inline std::vector<std::vector<std::string>> metrics_without_times(const std::filesystem::path& run) {
  auto rows = csv_records(io::read_file(run / "metrics.csv"));
  const auto header = rows.at(0);
  for (auto& row : rows) {
    CHECK(row.size() == header.size());
    for (std::size_t i = header.size(); i-- > 0;)
      if (header[i] == "seconds" || header[i] == "images_per_second") row.erase(row.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return rows;
}

/// Checkpoints byte for byte, metrics without times, and which files there are.
inline void check_same_run(const std::filesystem::path& a, const std::filesystem::path& b) {
  auto files = [](const std::filesystem::path& root) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root))
      names.push_back(entry.path().lexically_relative(root).string());
    std::sort(names.begin(), names.end());
    return names;
  };
  CHECK(files(a).size() == files(b).size());
  for (const std::string& name : files(b)) CHECK_MESSAGE(std::filesystem::exists(a / name), "only " << b.string() << " has " << name);
  for (const char* which : {"best", "last", "prev"}) {
    const std::string name = std::string("weights/") + which + ".safetensors";
    CAPTURE(name);
    REQUIRE(std::filesystem::exists(a / name));
    REQUIRE(std::filesystem::exists(b / name));
    CHECK_MESSAGE(io::read_file(a / name) == io::read_file(b / name), "the checkpoints differ");
  }
  CHECK(metrics_without_times(a) == metrics_without_times(b));
}

/// Flips one bit of a file.
inline void damage(const std::filesystem::path& path) {
  std::string bytes = io::read_file(path);
  bytes[bytes.size() / 2] ^= 4;
  io::write_file_atomically(path, bytes);
}
inline void truncate_file(const std::filesystem::path& path, double share = 0.7) {
  const std::string bytes = io::read_file(path);
  io::write_file_atomically(path, bytes.substr(0, static_cast<std::size_t>(share * static_cast<double>(bytes.size()))));
}

/// A small data set of skin phantoms.
inline void small_phantom(const std::filesystem::path& out, int count = 10, int width = 32, int height = 32) {
  data::write_phantom(data::phantom_named("skin"), out, {.count = count, .width = width, .height = height, .seed = 3});
}

/// Discs of four grades on a plain ground, the brighter the worse; the topmost row of every mask is ignored.
inline void small_grades(const std::filesystem::path& out, int count, int size = 32) {
  for (const char* folder : {"images", "masks"}) io::create_folders(out / folder);
  io::write_file_atomically(out / "dataset.json",
                            R"({"task": "ordinal", "labels": {"none": 0, "mild": 1, "moderate": 2, "severe": 3}, "ignore": 255})");
  Random random(RandomKey{5});
  const auto below = [&](int n) { return static_cast<int>(random.below(static_cast<std::uint64_t>(n))); };
  for (int i = 0; i < count; ++i) {
    data::Image image(size, size, 3);
    data::LabelImage mask(size, size);
    for (int disc = 0; disc < 3; ++disc) {
      const int radius = size / 8 + below(size / 8), cx = below(size), cy = below(size), grade = 1 + (i + disc) % 3;
      for (int y = 0; y < size; ++y)
        for (int x = 0; x < size; ++x)
          if ((x - cx) * (x - cx) + (y - cy) * (y - cy) <= radius * radius) mask.at(x, y) = static_cast<std::uint8_t>(grade);
    }
    for (std::size_t p = 0; p < image.pixels.size(); ++p)
      image.pixels[p] = static_cast<std::uint8_t>(30 + 60 * mask.labels[p / 3] + below(30));
    std::fill_n(mask.labels.begin(), size, std::uint8_t{255});
    const std::string file = std::to_string(i) + ".png";
    data::write_png(out / "images" / file, image);
    data::write_png(out / "masks" / file, mask);
  }
}

}  // namespace lamina::test
