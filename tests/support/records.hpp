#pragma once
#include <doctest/doctest.h>

#include <cmath>

#include "lamina/train/sentinels/sentinel.hpp"

// Epochs made by hand, and what sentinels say of them.
namespace lamina::test {

using train::Alarm;
using train::EpochRecord;

/// What the rules say of the epochs one after the other: "EPOCH RULE", in order; numbered from 1.
inline std::vector<std::string> said(const std::vector<train::Sentinel>& rules, std::vector<EpochRecord> history) {
  std::vector<std::string> all;
  for (std::size_t n = 1; n <= history.size(); ++n) {
    history[n - 1].epoch = static_cast<int>(n);
    for (const Alarm& a : train::alarms(rules, train::Records(history).first(n))) {
      all.push_back(std::to_string(a.epoch) + " " + a.rule);
      CHECK(!a.seen.empty());
      CHECK(!a.cause.empty());
      CHECK_MESSAGE((a.next.starts_with("--") || a.next.starts_with("lamina ")), a.next);
    }
  }
  return all;
}
using Said = std::vector<std::string>;

inline std::vector<EpochRecord> operator+(std::vector<EpochRecord> a, const std::vector<EpochRecord>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
inline std::vector<EpochRecord> times(int n, const EpochRecord& r) { return std::vector<EpochRecord>(static_cast<std::size_t>(n), r); }

inline EpochRecord counted(std::vector<std::vector<std::int64_t>> counts, double lr = 0) {
  EpochRecord r{.lr = lr};
  r.validation = train::Validation{.counts = {{kLabels, metrics::ConfusionMatrix::from_counts(counts)}}};
  return r;
}
inline EpochRecord lost(double loss, double lr = 1, double score = NAN) {
  EpochRecord r{.lr = lr, .train = {{"loss", loss}}};
  if (!std::isnan(score)) r.validation = train::Validation{.score = score};
  return r;
}
inline EpochRecord seen(Scalars signals, double lr = 1e-3, double loss = 1) {
  return {.lr = lr, .train = {{"loss", loss}}, .signals = std::move(signals)};
}

}  // namespace lamina::test
