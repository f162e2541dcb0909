#include <doctest/doctest.h>

#include "lamina/io/file.hpp"
#include "lamina/io/npy.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using test::golden;

namespace {
std::string npy(const std::string& dict, std::size_t data_bytes) {
  std::string bytes("\x93NUMPY\1\0", 8);
  bytes += static_cast<char>(dict.size() & 255);
  bytes += static_cast<char>(dict.size() >> 8);
  return bytes + dict + std::string(data_bytes, '\0');
}
void rejects_npy(const std::string& bytes, const char* reason) {
  CAPTURE(reason);
  CHECK_THROWS_WITH_AS(io::parse_npy(bytes, "f.npy"), doctest::Contains("f.npy: "), DataError);
  CHECK_THROWS_WITH_AS(io::parse_npy(bytes, "f.npy"), doctest::Contains(reason), DataError);
}
}  // namespace

TEST_CASE("reads what NumPy wrote") {
  const Tensor f4 = io::read_npy(golden("npy_f4.npy"));
  CHECK(f4.shape() == Shape{2, 3});
  CHECK(f4.to_vector<float>() == std::vector<float>{0, 0.25f, 0.5f, 0.75f, 1, 1.25f});
  CHECK(io::read_npy(golden("npy_f8_fortran.npy")).to_vector<double>() == std::vector<double>{0, 0.125, 0.25, 0.375, 0.5, 0.625});
  CHECK(io::read_npy(golden("npy_i4_big_endian.npy")).to_vector<std::int32_t>() == std::vector<std::int32_t>{-3, -2, -1, 0, 1, 2});
  CHECK(io::read_npy(golden("npy_bool.npy")).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{0, 1, 0, 1, 0, 1});
  const Tensor scalar = io::read_npy(golden("npy_scalar.npy"));
  CHECK(scalar.rank() == 0);
  CHECK(scalar.item() == 7);
  CHECK(io::read_npy(golden("npy_u1_one_axis.npy")).to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 2, 255});
  CHECK(io::read_npy(golden("npy_f2.npy")).to_vector<float>() == std::vector<float>{1.5f, -65504.0f});
}

TEST_CASE("writes NumPy's own bytes") {
  for (const char* name : {"npy_f4.npy", "npy_scalar.npy", "npy_u1_one_axis.npy"}) {
    CAPTURE(name);
    CHECK(io::format_npy(io::read_npy(golden(name))) == io::read_file(golden(name)));
  }
  test::TempFolder folder;
  const Tensor image = Tensor::from<float>({1, 2, 3, 4, 5, 6, 7, 8}, {2, 2, 2});
  io::write_npy(folder / "slice.npy", image.channels(1, 1));
  CHECK(io::read_npy(folder / "slice.npy").to_vector<float>() == std::vector<float>{2, 4, 6, 8});
  CHECK_THROWS_WITH_AS(io::format_npy(Tensor::zeros({2}, {DType::bf16, kCpu})), doctest::Contains("bf16"), DataError);
}

TEST_CASE("refuses pickles, structures and malformed headers") {
  CHECK_THROWS_WITH_AS(io::read_npy(golden("npy_object.npy")), doctest::Contains("never loaded"), DataError);
  CHECK_THROWS_WITH_AS(io::read_npy(golden("npy_struct.npy")), doctest::Contains("structured"), DataError);
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
  CHECK(io::parse_npy(npy(good, 24), "f.npy").numel() == 6);
  rejects_npy("", "not a .npy");
  rejects_npy(npy(good, 23), "needs 6 elements");
  rejects_npy(npy(good, 25), "needs 6 elements");
  rejects_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3), }", 12), "comma");
  rejects_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }", 12), "non-negative");
  rejects_npy(npy("{'descr': '<f4', 'fortran_order': 0, 'shape': (3,), }", 12), "neither True");
  rejects_npy(npy("{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }", 24), "unsupported");
  rejects_npy(npy("{'descr': '<f4', 'shape': (3,), }", 12), "lacks");
  rejects_npy(npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 12), "repeated");
  rejects_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,), }", 0), "overflows");
  rejects_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 8), }", 0), "overflows");
  rejects_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1), }", 4), "axes");
  rejects_npy(npy(good + "x", 24), "follows");
  rejects_npy(npy("__import__('os')", 4), "lacks a '{'");
  rejects_npy(npy(std::string(20000, ' '), 4), "limit");
  const std::string whole = npy(good, 24);
  for (std::size_t n = 0; n < whole.size(); ++n) CHECK_THROWS_AS(io::parse_npy(std::string_view(whole).substr(0, n), "f"), DataError);
}
