#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "lamina/io/file.hpp"
#include "lamina/io/safetensors.hpp"
#include "support/temp_folder.hpp"

using namespace lamina;
using test::golden;

namespace {
std::string file_of(const std::string& header, std::size_t data_bytes) {
  std::string bytes(8, '\0');
  const std::uint64_t n = header.size();
  std::memcpy(bytes.data(), &n, 8);
  return bytes + header + std::string(data_bytes, '\0');
}
void rejects_safetensors(const std::string& bytes, const char* reason) {
  CAPTURE(reason);
  CHECK_THROWS_WITH_AS(io::parse_safetensors(bytes, "f.st"), doctest::Contains("f.st: "), DataError);
  CHECK_THROWS_WITH_AS(io::parse_safetensors(bytes, "f.st"), doctest::Contains(reason), DataError);
}
io::TensorArchive example() {
  io::TensorArchive a;
  a.tensors["w"] = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  a.tensors["b"] = Tensor::from<double>({0.5}, {1});
  a.tensors["labels"] = Tensor::from<std::uint8_t>({1, 2, 3}, {3});
  a.tensors["steps"] = Tensor::from<std::int64_t>({42}, {});
  a.tensors["none"] = Tensor::zeros({0, 4});
  a.metadata["config"] = "{\"depth\": 4, \"name\": \"\xc3\xa4\"}";
  return a;
}
}  // namespace

TEST_CASE("reads every dtype of a file that the reference implementation wrote") {
  const io::TensorArchive a = io::read_safetensors(golden("safetensors_reference.safetensors"));
  CHECK(a.tensors.size() == 14);
  CHECK(a.at("z.f32").shape() == Shape{2, 2});
  CHECK(a.at("z.f32").to_vector<float>() == std::vector<float>{1.5f, -2, 0.25f, 3e38f});
  CHECK(a.at("a.u8").to_vector<std::uint8_t>() == std::vector<std::uint8_t>{0, 7, 255});
  CHECK(a.at("b.bool").to_vector<std::uint8_t>() == std::vector<std::uint8_t>{1, 0, 1});
  CHECK(a.at("c.i64").to_vector<std::int64_t>() == std::vector<std::int64_t>{-(std::int64_t{1} << 62)});
  CHECK(a.at("c.i64").rank() == 0);
  CHECK(a.at("d.f64").to_vector<double>() == std::vector<double>{0.1, 1e300});
  CHECK(a.at("e.bf16").to(DType::f32).to_vector<float>() == std::vector<float>{1, -3.140625f});
  const auto half = a.at("f.f16").to_vector<float>();
  CHECK(half[0] == 65504);
  CHECK(half[1] == 0x1p-24f);
  CHECK((half[2] == 0 && std::signbit(half[2])));
  CHECK(std::isinf(half[3]));
  CHECK(a.at("g.i32").to_vector<std::int32_t>() == std::vector<std::int32_t>{-5, 6});
  CHECK(a.at("h.i16").to_vector<std::int32_t>() == std::vector<std::int32_t>{-32768, 32767});
  CHECK(a.at("i.i8").to_vector<std::int32_t>() == std::vector<std::int32_t>{-128, 127});
  CHECK(a.at("j.u16").to_vector<std::int32_t>() == std::vector<std::int32_t>{65535});
  CHECK(a.at("k.u32").to_vector<std::int64_t>() == std::vector<std::int64_t>{4294967295});
  CHECK(a.at("l.u64").to_vector<std::int64_t>() == std::vector<std::int64_t>{std::int64_t{1} << 62});
  CHECK(a.at("m.empty").shape() == Shape{0, 3});
  CHECK_THROWS_WITH_AS(a.at("nope"), doctest::Contains("nope"), DataError);
}

TEST_CASE("orders tensors and spells the header as the reference implementation does") {
  const std::string theirs = io::read_file(golden("safetensors_plain.safetensors"));
  const io::TensorArchive a = io::parse_safetensors(theirs, "plain");
  const std::string ours = io::format_safetensors(a);
  const auto header = [](const std::string& bytes) {
    std::uint64_t n;
    std::memcpy(&n, bytes.data(), 8);
    CHECK(n % 8 == 0);
    return bytes.substr(8, n);
  };
  std::string text = header(ours);
  const std::size_t end = text.find("},") + 2;
  text.erase(1, end - 1);  // our metadata
  const auto trimmed = [](std::string s) { return s.erase(s.find_last_not_of(' ') + 1); };
  CHECK(trimmed(text) == trimmed(header(theirs)));
  CHECK(ours.substr(8 + header(ours).size()) == theirs.substr(8 + header(theirs).size()));
}

TEST_CASE("round trip: equal archives give equal bytes") {
  test::TempFolder folder;
  io::write_safetensors(folder / "a.safetensors", example());
  const std::string bytes = io::read_file(folder / "a.safetensors");
  CHECK(bytes == io::format_safetensors(example()));
  const io::TensorArchive back = io::read_safetensors(folder / "a.safetensors");
  CHECK(back.metadata_at("config") == example().metadata_at("config"));
  CHECK_FALSE(back.metadata.count("crc32c"));
  CHECK(io::format_safetensors(back) == bytes);
  CHECK(back.at("w").to_vector<float>() == example().at("w").to_vector<float>());
}

TEST_CASE("channel slices are packed; names and metadata must be UTF-8") {
  io::TensorArchive a;
  a.tensors["s"] = Tensor::from<float>({1, 2, 3, 4}, {2, 2}).channels(1, 1);
  CHECK(io::parse_safetensors(io::format_safetensors(a), "s").at("s").to_vector<float>() == std::vector<float>{2, 4});
  a.metadata["note"] = "\xff";
  CHECK_THROWS_WITH_AS(io::format_safetensors(a), doctest::Contains("UTF-8"), DataError);
}

TEST_CASE("every single-bit flip and every truncation is found") {
  const std::string good = io::format_safetensors(example());
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    CAPTURE(bit);
    CHECK_THROWS_WITH_AS(io::parse_safetensors(bad, "damaged.st"), doctest::Contains("damaged.st: "), DataError);
  }
  for (std::size_t n = 0; n < good.size(); ++n)
    CHECK_THROWS_AS(io::parse_safetensors(std::string_view(good).substr(0, n), "short.st"), DataError);
  rejects_safetensors(good + "x", "checksum");
}

TEST_CASE("structural rules of the format") {
  const std::string f32 = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";
  CHECK(io::parse_safetensors(file_of("{\"a\":{" + f32 + "}}", 8), "ok").at("a").numel() == 2);
  CHECK(io::parse_safetensors(file_of(" \n{}", 0), "ok").tensors.empty());
  rejects_safetensors("1234567", "8 bytes");
  rejects_safetensors(std::string("\xff\xff\xff\xff\0\0\0\0{}", 10), "limit");
  rejects_safetensors(std::string("\x03\0\0\0\0\0\0\0{}", 10), "truncated");
  rejects_safetensors(file_of("", 0), "not a JSON object");
  rejects_safetensors(file_of("[]", 0), "not a JSON object");
  rejects_safetensors(file_of("\xef\xbb\xbf{}", 0), "not a JSON object");
  rejects_safetensors(file_of(std::string("{}\0x", 4), 0), "not a JSON object");
  rejects_safetensors(file_of("{}x", 0), "not JSON");
  rejects_safetensors(file_of("{\"a\xff\":{" + f32 + "}}", 8), "not JSON");
  rejects_safetensors(file_of("{\"a\":{" + f32 + "}", 8), "not JSON");
  rejects_safetensors(file_of("{\"a\":1}", 0), "number where");
  rejects_safetensors(file_of("{\"a\":{" + f32 + "},\"a\":{" + f32 + "}}", 8), "appears twice");
  rejects_safetensors(file_of("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0), "appears twice");
  rejects_safetensors(file_of("{\"__metadata__\":{},\"__metadata__\":{}}", 0), "appears twice");
  rejects_safetensors(file_of("{\"__metadata__\":{\"k\":1}}", 0), "number where");
  rejects_safetensors(file_of("{\"__metadata__\":{\"k\":{}}}", 0), "object where");
  rejects_safetensors(file_of("{\"a\":{" + f32 + ",\"shape\":[2]}}", 8), "two fields");
  rejects_safetensors(file_of("{\"a\":{" + f32 + ",\"x\":[2]}}", 8), "unknown field");
  rejects_safetensors(file_of(R"({"a":{"dtype":"F32","shape":[2]}})", 8), "lacks");
  rejects_safetensors(file_of(R"({"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}})", 2), "unsupported dtype 'F8_E4M3'");
  rejects_safetensors(file_of(R"({"a":{"dtype":3,"shape":[2],"data_offsets":[0,2]}})", 2), "number where");
  rejects_safetensors(file_of(R"({"a":{"dtype":"U8","shape":[-2],"data_offsets":[0,2]}})", 2), "negative");
  rejects_safetensors(file_of(R"({"a":{"dtype":"U8","shape":[2.0],"data_offsets":[0,2]}})", 2), "fractional");
  rejects_safetensors(file_of(R"({"a":{"dtype":"U8","shape":[[2]],"data_offsets":[0,2]}})", 2), "array where");
  rejects_safetensors(file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0]}})", 2), "not [begin, end]");
  rejects_safetensors(file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", 3), "begins at byte 1");
  rejects_safetensors(file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,3]}})", 3), "has 3 bytes, its shape and dtype need 2");
  rejects_safetensors(file_of(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,18446744073709551615]}})", 0), "need 0");
  rejects_safetensors(
      file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", 3),
      "overlaps");
  rejects_safetensors(
      file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})", 5), "holes");
  rejects_safetensors(file_of(R"({"a":{"dtype":"F32","shape":[2,18446744073709551614],"data_offsets":[0,8]}})", 8), "overflows");
  rejects_safetensors(file_of(R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1],"data_offsets":[0,1]}})", 1), "6 axes");
  rejects_safetensors(file_of(R"({"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})", 0), "truncated");
  rejects_safetensors(file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 3), "trailing");
  rejects_safetensors(file_of(R"({"__metadata__":{"crc32c":"00000000"}})", 0), "checksum");
  rejects_safetensors(file_of(R"({"__metadata__":{"writer":"lamina"}})", 0), "checksum");
  std::string deep = "{";
  for (int i = 0; i < 100000; ++i) deep += "\"a\":{";
  rejects_safetensors(file_of(deep, 0), "unknown field");
}
