#include "lamina/io/tensorboard.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>

#include "lamina/io/file.hpp"

namespace lamina::io {
namespace {

// Protocol buffers: a field is its number and wire type, then the value.
void put_varint(std::string& to, std::uint64_t v) {
  for (; v >= 0x80; v >>= 7) to += static_cast<char>(v | 0x80);
  to += static_cast<char>(v);
}
template <class Bits>
void put_fixed(std::string& to, Bits v) {
  for (std::size_t i = 0; i < sizeof v; ++i) to += static_cast<char>(v >> (8 * i));
}
std::string varint(int field, std::int64_t v) {
  std::string out;
  put_varint(out, static_cast<std::uint64_t>(field) << 3);
  put_varint(out, static_cast<std::uint64_t>(v));
  return out;
}
std::string fixed64(int field, double v) {
  std::string out;
  put_varint(out, static_cast<std::uint64_t>(field) << 3 | 1);
  put_fixed(out, std::bit_cast<std::uint64_t>(v));
  return out;
}
std::string fixed32(int field, float v) {
  std::string out;
  put_varint(out, static_cast<std::uint64_t>(field) << 3 | 5);
  put_fixed(out, std::bit_cast<std::uint32_t>(v));
  return out;
}
/// A text, or a message.
std::string bytes(int field, const std::string& v) {
  std::string out;
  put_varint(out, static_cast<std::uint64_t>(field) << 3 | 2);
  put_varint(out, v.size());
  return out + v;
}

std::uint32_t masked_crc(std::string_view data) {
  const std::uint32_t crc = crc32c(data);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}
/// A record: length, its checksum, data, its checksum.
std::string record(const std::string& data) {
  std::string out;
  put_fixed(out, static_cast<std::uint64_t>(data.size()));
  put_fixed(out, masked_crc(out));
  out += data;
  put_fixed(out, masked_crc(data));
  return out;
}
template <class Bits>
Bits get_fixed(std::string_view from) {
  Bits v = 0;
  for (std::size_t i = 0; i < sizeof v; ++i) v |= static_cast<Bits>(static_cast<unsigned char>(from[i])) << (8 * i);
  return v;
}
/// The length of the whole, sound records at the beginning.
std::size_t sound_length(std::string_view file) {
  std::size_t at = 0;
  while (file.size() - at >= 16) {
    const auto size = get_fixed<std::uint64_t>(file.substr(at));
    if (get_fixed<std::uint32_t>(file.substr(at + 8)) != masked_crc(file.substr(at, 8)) || size > file.size() - at - 16) break;
    if (get_fixed<std::uint32_t>(file.substr(at + 12 + size)) != masked_crc(file.substr(at + 12, size))) break;
    at += 16 + size;
  }
  return at;
}

double wall_time() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace

EventFile::EventFile(const std::filesystem::path& folder, std::int64_t step, std::function<double()> clock)
    : path_(folder / "events.out.tfevents.0.lamina"), clock_(clock ? std::move(clock) : wall_time) {
  create_folders(folder);
  bool fresh = true;
  if (std::filesystem::exists(path_)) {
    const std::string old = read_regular_file(path_);
    const std::size_t sound = sound_length(old);
    if (sound < old.size()) write_file_atomically(path_, std::string_view(old).substr(0, sound));
    fresh = sound == 0;
  }
  if (fresh) write(bytes(3, "brain.Event:2"), 0);
  if (!fresh) write(bytes(7, varint(1, 1)), step + 1);  // a session starts: what has this step or a later one is void
}

void EventFile::write(const std::string& field_after_step, std::int64_t step) {
  append_to_file(path_, record(fixed64(1, clock_()) + (step ? varint(2, step) : "") + field_after_step));
}

void EventFile::scalar(const std::string& tag, double value, std::int64_t step) {
  if (std::isfinite(value)) write(bytes(5, bytes(1, bytes(1, tag) + fixed32(2, static_cast<float>(value)))), step);
}

void EventFile::image(const std::string& tag, const std::string& png, int width, int height, std::int64_t step) {
  const std::string image = varint(1, height) + varint(2, width) + varint(3, 3) + bytes(4, png);
  write(bytes(5, bytes(1, bytes(1, tag) + bytes(4, image))), step);
}

void EventFile::graph(const std::vector<models::GraphNode>& nodes) {
  const auto name_of = [](std::string name) {
    std::replace(name.begin(), name.end(), '.', '/');
    return name;
  };
  std::string graph;
  for (const models::GraphNode& n : nodes) {
    std::string dims, node = bytes(1, name_of(n.name)) + bytes(2, n.op);
    for (const std::string& input : n.inputs) node += bytes(3, name_of(input));
    for (int i = 0; i < n.output.rank(); ++i) dims += bytes(2, varint(1, n.output[i]));
    node += bytes(5, bytes(1, "_output_shapes") + bytes(2, bytes(1, bytes(7, dims))));
    graph += bytes(1, node);
  }
  write(bytes(4, graph + bytes(4, varint(1, 22))), 0);
}

}  // namespace lamina::io
