#include "lamina/core/tensor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "lamina/core/dispatch.hpp"
#include "lamina/ops/arithmetic.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("shapes: extents, equality, overflow") {
  const Shape s{2, 3, 4};
  CHECK(s.rank() == 3);
  CHECK(s[-1] == 4);
  CHECK(s.numel() == 24);
  CHECK(s.with(-1, 7) == Shape{2, 3, 7});
  CHECK(s.str() == "(2, 3, 4)");
  CHECK(Shape{}.numel() == 1);
  CHECK(Shape{0, 5}.numel() == 0);
  CHECK(Shape{0, std::int64_t{1} << 62}.numel() == 0);
  check_throws<ShapeError>([] { Shape({2, -1}); }, {"axis 1", "-1"});
  check_throws<ShapeError>([] { Shape({std::int64_t{1} << 40, std::int64_t{1} << 40}); }, {"overflows"});
  check_throws<ShapeError>([] { Shape({0, std::int64_t{1} << 62, 2}); }, {"overflows", "(0, 4611686018427387904, 2)"});
  check_throws<ShapeError>([] { Shape({1, 1, 1, 1, 1, 1}); }, {"at most 5"});
  check_throws<ShapeError>([&] { s[3]; }, {"axis 3", "(2, 3, 4)"});
}

TEST_CASE("bfloat16 rounds to nearest even and keeps NaN and infinity") {
  CHECK(BFloat16(1.0f).bits == 0x3f80);
  CHECK(BFloat16(std::bit_cast<float>(0x3f808000u)).bits == 0x3f80);  // a tie goes to even
  CHECK(BFloat16(std::bit_cast<float>(0x3f818000u)).bits == 0x3f82);
  CHECK(BFloat16(std::bit_cast<float>(0x3f808001u)).bits == 0x3f81);
  CHECK(std::isnan(static_cast<float>(BFloat16(std::nanf("")))));
  CHECK(std::isinf(static_cast<float>(BFloat16(INFINITY))));
}

TEST_CASE("tensors: construction, views, conversion, copies") {
  const Tensor t = Tensor::from({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}, {1, 1, 2, 3});
  const Tensor right = t.channels(1, 2);
  CHECK(right.ld() == 3);
  CHECK(!right.contiguous());
  CHECK(right.to_vector<float>() == std::vector<float>{2, 3, 5, 6});
  CHECK(right.packed().contiguous());
  right.fill(9);
  CHECK(t.to_vector<float>() == std::vector<float>{1, 9, 9, 4, 9, 9});
  CHECK(t.to(DType::f64).to_vector<double>()[3] == 4);
  CHECK(static_cast<float>(t.to(DType::bf16).data<BFloat16>()[3]) == 4);
  CHECK(t.rows(0, 1).storage().same_as(t.storage()));
  const Tensor batch = Tensor::from({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}, {3, 2});
  CHECK(batch.rows(1, 2).to_vector<float>() == std::vector<float>{3, 4, 5, 6});
  const Tensor slice_of_batch = Tensor::from({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f, 8.0f}, {2, 2, 2}).channels(1, 1);
  CHECK(slice_of_batch.rows(1, 1).to_vector<float>() == std::vector<float>{6, 8});
  CHECK(slice_of_batch.rows(1, 1).clone().to_vector<float>() == std::vector<float>{6, 8});
  CHECK(t.view_as({6}).shape() == Shape{6});
  CHECK(Tensor::scalar(2.5).item() == 2.5);
  CHECK(!Tensor{});

  check_throws<ShapeError>([&] { right.view_as({4}); }, {"view_as", "slice"});
  check_throws<ShapeError>([&] { t.view_as({5}); }, {"(1, 1, 2, 3)", "(5)"});
  check_throws<ShapeError>([&] { t.channels(2, 2); }, {"2 channels from 2 on", "(1, 1, 2, 3)"});
  check_throws<ShapeError>([&] { t.data<double>(); }, {"f32", "f64"});
  check_throws<ShapeError>([&] { t.item(); }, {"item()", "(1, 1, 2, 3)"});
  check_throws<ShapeError>([&] { Tensor().shape(); }, {"undefined"});
  check_throws<ShapeError>([&] { t.copy_from(batch); }, {"(1, 1, 2, 3)", "(3, 2)"});
  check_throws<ShapeError>([&] { batch.view4<float>(); }, {"(N, H, W, C)", "(3, 2)"});
  check_throws<ShapeError>([] { Tensor::from({1.0f}, {2}); }, {"1 values", "(2)"});
}

TEST_CASE("from_blob wraps host memory and releases it once, when the last handle goes") {
  float data[4] = {1, 2, 3, 4};
  int released = 0;
  {
    Tensor t = Tensor::from_blob(data, {4}, DType::f32, [&](void* p) {
      CHECK(p == data);
      ++released;
    });
    const Tensor view = t.view_as({2, 2});
    t = {};
    CHECK(released == 0);
    view.fill(7);
  }
  CHECK(released == 1);
  CHECK(data[3] == 7);
  check_throws<ShapeError>([] { Tensor::from_blob(nullptr, {1}, DType::f32); }, {"null"});
}

TEST_CASE("the caching allocator reuses blocks, counts bytes, and fails with a typed error") {
  release_cached_memory();
  const std::size_t before = memory_stats().in_use;
  const void* first = nullptr;
  {
    const Tensor t = Tensor::empty({1 << 20});
    first = t.storage().data();
    CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
    CHECK(memory_stats().in_use - before == std::size_t{4} << 20);
  }
  CHECK(memory_stats().in_use == before);
  CHECK(Tensor::empty({1 << 20}).storage().data() == first);
  reset_peak_memory();
  CHECK(memory_stats().peak == before);
  (void)Tensor::empty({1 << 20});
  CHECK(memory_stats().peak - before == std::size_t{4} << 20);
  CHECK(memory_stats().in_use == before);
  set_memory_limit(before + (1 << 20));
  check_throws<MemoryError>([] { Tensor::empty({1 << 20}); }, {"4194304 bytes", "limit"});
  CHECK(Tensor::empty({1 << 10}).numel() == 1 << 10);
  set_memory_limit(0);
  check_throws<MemoryError>([] { Tensor::empty({std::int64_t{1} << 60}); }, {"out of memory"});
}

TEST_CASE("sums and products of counts are exact up to 2^62 and errors beyond it") {
  constexpr std::int64_t kHalf = std::int64_t{1} << 61, kMost = std::int64_t{1} << 62, kEnd = std::numeric_limits<std::int64_t>::max();
  CHECK(checked_sum({kHalf, kHalf}, "") == kMost);
  CHECK(checked_product({kHalf, 2, 1}, "") == kMost);
  CHECK(checked_product({kMost, 0}, "") == 0);
  for (const auto& terms : {std::initializer_list<std::int64_t>{kMost, 1}, {kEnd, kEnd}, {kEnd, 1}, {-1}, {-1, 2}})
    check_throws<ShapeError>([&] { checked_sum(terms, "sum of ", 7); }, {"sum of 7"});
  for (const auto& factors : {std::initializer_list<std::int64_t>{kHalf, 3}, {kHalf, kHalf}, {kMost, 4}, {kEnd, 2, 0}, {-1}, {kEnd}})
    check_throws<MemoryError>([&] { checked_product<MemoryError>(factors, "product of ", 7); }, {"product of 7"});
}

TEST_CASE("bytes that overflow are an error, never a small block") {
  constexpr std::int64_t k31 = std::int64_t{1} << 31, kEnd = std::numeric_limits<std::int64_t>::max();
  for (DType dtype : {DType::f32, DType::f64, DType::bf16, DType::u8})  // 2^62 elements
    check_throws<MemoryError>(
        [&] {
          Tensor::empty({k31, k31}, {dtype, kCpu});
        },
        {"out of memory", "(2147483648, 2147483648)", name_of(dtype)});
  for (std::size_t bytes : {~std::size_t{0}, ~std::size_t{0} - 100, std::size_t{1} << 63})  // their rounding up would wrap
    check_throws<MemoryError>([&] { Storage::allocate(bytes, kCpu); }, {"out of memory"});
  Workspace workspace;
  check_throws<MemoryError>([&] { workspace.take<double>(k31, k31 / 4); }, {"scratch"});
  check_throws<MemoryError>([&] { workspace.take<float>(k31, k31, k31); }, {"counted", "scratch"});
  check_throws<MemoryError>([&] { workspace.take<float>(-1); }, {"counted", "scratch"});
  const std::int64_t huge[] = {std::int64_t{1} << 62, std::int64_t{1} << 62}, negative[] = {5, -2};
  check_throws<ShapeError>([&] { Tensor::empty_slices({1}, huge); }, {"empty_slices"});
  check_throws<ShapeError>([&] { Tensor::empty_slices({1}, negative); }, {"empty_slices", "-2"});
  check_throws<ShapeError>([&] { Tensor::empty_slices({k31, k31}, std::span(huge).first(1)); }, {"empty_slices", "overflows"});
  const Tensor t = Tensor::zeros({2, 3});
  for (const auto& [begin, count] :
       {std::pair{kEnd, std::int64_t{1}}, {std::int64_t{1}, kEnd}, {kEnd, kEnd}, {std::int64_t{-1}, std::int64_t{1}}}) {
    check_throws<ShapeError>([&] { t.channels(begin, count); }, {"(2, 3)"});
    check_throws<ShapeError>([&] { t.rows(begin, count); }, {"(2, 3)"});
  }
}

TEST_CASE("what is cached stays within three times the most in use, and what is used again and again is never given back") {
  release_cached_memory();
  reset_peak_memory();
  std::size_t sum = 0;
  for (std::int64_t i = 1; i <= 60; ++i) {
    const std::int64_t n = 50000 * i;  // each is larger than any free block
    (void)Tensor::empty({n});
    sum += static_cast<std::size_t>(4 * n);
    CHECK(memory_stats().reserved <= 3 * memory_stats().peak);
  }
  CHECK(sum > 8 * memory_stats().peak);  // all of them would be more
  CHECK(memory_stats().reserved > 0);

  release_cached_memory();
  const auto step = [](std::vector<const void*>& blocks) {  // as in training: growing, then shrinking, with scratch memory between
    std::vector<Tensor> alive;
    for (std::int64_t i = 1; i <= 12; ++i) {
      alive.push_back(Tensor::empty({100000 * i}));
      blocks.push_back(alive.back().storage().data());
      blocks.push_back(Tensor::empty({70000 * i}).storage().data());
    }
  };
  std::vector<const void*> first, again;
  step(first);
  const std::size_t reserved = memory_stats().reserved;
  for (int i = 0; i < 5; ++i) step(again);
  CHECK(memory_stats().reserved == reserved);
  std::sort(first.begin(), first.end());
  for (const void* block : again) CHECK(std::binary_search(first.begin(), first.end(), block));
  set_memory_limit(memory_stats().in_use + 1024);
  check_throws<MemoryError>([] { Tensor::empty({std::int64_t{1} << 40}); }, {"limit"});
  set_memory_limit(0);
  release_cached_memory();
  check_throws<MemoryError>([] { Tensor::empty({std::int64_t{1} << 59}); }, {"out of memory"});  // does not raise what may be cached
  for (std::int64_t i = 1; i <= 60; ++i) (void)Tensor::empty({50000 * i});
  CHECK(memory_stats().reserved <= 3 * (memory_stats().in_use + 4 * 50000 * 60 + (1 << 16)));
}

TEST_CASE("a destination and an input: which ranges of memory overlap") {
  const Tensor buffer = Tensor::zeros({2, 3, 4, 10});
  const auto overlap = [](const Tensor& a, const Tensor& b) {
    const bool one = lamina::detail::overlap(lamina::detail::byte_rows(a), lamina::detail::byte_rows(b));
    CHECK(one == lamina::detail::overlap(lamina::detail::byte_rows(b), lamina::detail::byte_rows(a)));
    return one;
  };
  const auto by_element = [&](const Tensor& a, const Tensor& b) {  // by writing
    buffer.fill(0);
    a.fill(1);
    double sum = 0;
    for (double v : b.to_vector<double>()) sum += v;
    return sum > 0;
  };
  std::vector<Tensor> views;
  for (std::int64_t begin : {0, 2, 5, 9})
    for (std::int64_t count : {0, 1, 3, 5, 10})
      if (begin + count <= 10)
        for (std::int64_t row : {0, 1})
          for (std::int64_t rows : {0, 1, 2})
            if (row + rows <= 2) views.push_back(buffer.channels(begin, count).rows(row, rows));
  for (const Tensor& a : views)
    for (const Tensor& b : views) {
      CAPTURE(message(a.offset(), ' ', a.shape(), "; ", b.offset(), ' ', b.shape()));
      CHECK(overlap(a, b) == by_element(a, b));
    }
  const Tensor flat = buffer.view_as({240, 1});  // no gaps: a range of elements against channels
  for (std::int64_t begin = 0; begin < 30; ++begin)
    for (std::int64_t count : {1, 2, 7, 25})
      for (std::int64_t first : {0, 3, 8}) {
        const Tensor a = flat.rows(begin, count), b = buffer.channels(first, 2);
        CHECK(overlap(a, b) == by_element(a, b));
      }
  CHECK(!overlap(buffer, Tensor::zeros({2, 3, 4, 10})));
  float shared[6] = {};
  CHECK(overlap(Tensor::from_blob(shared, {4}, DType::f32), Tensor::from_blob(shared + 3, {3}, DType::f32)));
  CHECK(!overlap(Tensor::from_blob(shared, {3}, DType::f32), Tensor::from_blob(shared + 3, {3}, DType::f32)));
  // Copies between overlapping slices.
  const Tensor t = Tensor::from({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}, {2, 3});
  t.channels(1, 2).copy_from(t.channels(0, 2));
  CHECK(t.to_vector<float>() == std::vector<float>{1, 1, 2, 4, 4, 5});
  const Tensor column = Tensor::from({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f, 7.0f, 8.0f}, {4, 2}).channels(0, 1);
  column.rows(1, 3).copy_from(column.rows(0, 3));
  CHECK(column.to_vector<float>() == std::vector<float>{1, 1, 3, 5});
}

TEST_CASE("Philox4x32-10 gives the known answers of Random123; draws have the right moments") {
  auto words = [](std::uint64_t key, std::uint64_t hi, std::uint64_t lo) {
    const Philox p = Philox::block(key, hi, lo);
    return std::vector<std::uint32_t>(p.v, p.v + 4);
  };
  CHECK(words(0, 0, 0) == std::vector<std::uint32_t>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint64_t ones = ~std::uint64_t{0};
  CHECK(words(ones, ones, ones) == std::vector<std::uint32_t>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(words(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88) ==
        std::vector<std::uint32_t>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});

  auto moments = [](const Tensor& t) {
    const auto v = t.to_vector<double>();
    const double n = static_cast<double>(v.size()), mean = std::accumulate(v.begin(), v.end(), 0.0) / n;
    double var = 0;
    for (double x : v) var += (x - mean) * (x - mean) / n;
    return std::pair(mean, std::sqrt(var));
  };
  const auto [um, us] = moments(Tensor::uniform({40000}, {1, 2}, -1, 3, {DType::f64, kCpu}));
  CHECK(um == doctest::Approx(1).epsilon(0.02).scale(0));
  CHECK(us == doctest::Approx(4 / std::sqrt(12)).epsilon(0.02).scale(0));
  const auto [nm, ns] = moments(Tensor::normal({40000}, {1, 3}, 2, 0.5, {DType::f64, kCpu}));
  CHECK(nm == doctest::Approx(2).epsilon(0.01).scale(0));
  CHECK(ns == doctest::Approx(0.5).epsilon(0.02).scale(0));
  CHECK(!same_bytes(Tensor::uniform({100}, RandomKey{1, 2}.derive(0)), Tensor::uniform({100}, RandomKey{1, 2}.derive(1))));
  Random random(RandomKey{5});
  for (int i = 0; i < 1000; ++i) CHECK(random.below(7) < 7);
  int upper = 0;  // without rejection the lower third would be twice as likely
  for (int i = 0; i < 3000; ++i) upper += random.below(3 * (std::uint64_t{1} << 62)) >= std::uint64_t{1} << 62;
  CHECK(upper == doctest::Approx(2000).epsilon(0.05).scale(0));
}

TEST_CASE("dispatch refuses pairs without kernels") {
  check_throws<DeviceError>([] { dispatch(Tensor::zeros({1}, {DType::u8, kCpu}), [&]<class T>(auto&) {}); }, {"u8", "cpu", "f32"});
}
