// The safetensors format: u64 header size, JSON header, packed little-endian tensors. Format: huggingface/safetensors README.
#include "lamina/io/safetensors.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "lamina/core/text.hpp"
#include "lamina/io/file.hpp"
#include "lamina/io/impl/element.hpp"

namespace lamina::io {
namespace {

constexpr std::string_view kNoDigest = "00000000";

std::string hex(std::uint32_t v) { return formatted("%08x", v); }

std::string digest_field(const std::string& digits) { return message("\"crc32c\":\"", digits, '"'); }

std::string quoted(const std::string& text, const char* what) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw DataError(message("safetensors: ", what, " '", text, "' is not UTF-8"));
  }
}

/// One tensor's entry in the header.
struct Entry {
  std::string name;
  const FileElement* element = nullptr;
  bool has_shape = false, has_offsets = false;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0, end = 0;  // of the data
};

/// Reads the header's JSON event by event, because a DOM would silently keep the last of two equal keys.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<Entry> entries;
  std::map<std::string, std::string, std::less<>> metadata;
  std::string error;

  bool start_object(std::size_t) override {
    if (place_ == Place::file_start) return go(Place::names);
    if (place_ == Place::tensor_start) return go(Place::fields);
    if (place_ == Place::metadata_start) return go(Place::metadata);
    return fail("an object where none belongs");
  }
  bool key(string_t& name) override {
    key_ = name;
    if (place_ == Place::names) {
      if (name == "__metadata__")
        return !has_metadata_ ? (has_metadata_ = true, go(Place::metadata_start)) : fail("__metadata__ appears twice");
      if (!names_.emplace(name, 0).second) return fail("the tensor '" + name + "' appears twice");
      entries.emplace_back().name = name;
      return go(Place::tensor_start);
    }
    if (place_ == Place::metadata) return metadata.count(name) ? fail("the metadata '" + name + "' appears twice") : true;
    const bool again = (name == "dtype" && entries.back().element) || (name == "shape" && entries.back().has_shape) ||
                       (name == "data_offsets" && entries.back().has_offsets);
    if (again) return fail(about() + " has two fields '" + name + "'");
    return name == "dtype" || name == "shape" || name == "data_offsets" ? true : fail(about() + " has an unknown field '" + name + "'");
  }
  bool string(string_t& value) override {
    if (place_ == Place::metadata) return metadata.emplace(key_, value), true;
    if (place_ != Place::fields || key_ != "dtype") return fail("a string where none belongs");
    for (const FileElement& e : kFileElements)
      if (value == e.safetensors) return entries.back().element = &e, true;
    return fail(about() + " has the unsupported dtype '" + value + "'");
  }
  bool start_array(std::size_t) override {
    if (place_ != Place::fields || key_ == "dtype") return fail("an array where none belongs");
    numbers_.clear();
    return go(Place::numbers);
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::numbers) return fail("a number where none belongs");
    if (numbers_.size() == 64) return fail(about() + " has more than 64 numbers in '" + key_ + "'");
    numbers_.push_back(value);
    return true;
  }
  bool end_array() override {
    Entry& e = entries.back();
    if (key_ == "shape") {
      e.shape = numbers_;
      e.has_shape = true;
      return go(Place::fields);
    }
    if (numbers_.size() != 2) return fail(about() + ": data_offsets is not [begin, end]");
    e.begin = numbers_[0];
    e.end = numbers_[1];
    e.has_offsets = true;
    return go(Place::fields);
  }
  bool end_object() override {
    if (place_ == Place::fields) {
      const Entry& e = entries.back();
      if (!e.element || !e.has_shape || !e.has_offsets) return fail(about() + " lacks dtype, shape or data_offsets");
    }
    return go(place_ == Place::names ? Place::end : Place::names);
  }
  bool null() override { return fail("null where it does not belong"); }
  bool boolean(bool) override { return fail("a boolean where none belongs"); }
  bool number_integer(number_integer_t) override { return fail("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return fail("a fractional number"); }
  bool binary(binary_t&) override { return fail("binary data"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    return fail("the header is not JSON, near its byte " + std::to_string(position));
  }

 private:
  enum class Place { file_start, names, tensor_start, fields, numbers, metadata_start, metadata, end };

  bool go(Place place) { return place_ = place, true; }
  bool fail(const std::string& reason) {
    if (error.empty()) error = reason;
    return false;
  }
  std::string about() const { return "the tensor '" + entries.back().name + "'"; }

  Place place_ = Place::file_start;
  std::string key_;
  std::vector<std::uint64_t> numbers_;
  std::map<std::string, int, std::less<>> names_;
  bool has_metadata_ = false;
};

/// Bytes of a tensor by its shape; nothing when that overflows 64 bits.
std::optional<std::uint64_t> byte_count(const Entry& e) {
  std::uint64_t count = e.element->size;
  for (const std::uint64_t extent : e.shape)
    if (__builtin_mul_overflow(count, extent, &count)) return std::nullopt;
  return count;
}

void check_layout(std::vector<Entry>& entries, std::uint64_t data_bytes, const std::string& origin) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  std::uint64_t position = 0;
  for (const Entry& e : entries) {
    const std::string where = origin + ": the tensor '" + e.name + "'";
    require<DataError>(e.begin == position, where, " begins at byte ", e.begin, " of the data, expected ", position,
                       ": tensors must follow each other without holes or overlaps");
    require<DataError>(e.end >= e.begin, where, " ends (", e.end, ") before it begins (", e.begin, ")");
    const auto bytes = byte_count(e);
    require<DataError>(bytes.has_value(), where, " has a shape whose size overflows 64 bits");
    require<DataError>(*bytes == e.end - e.begin, where, " has ", e.end - e.begin, " bytes, its shape and dtype need ", *bytes);
    require<DataError>(e.shape.size() <= Shape::kMaxRank, where, " has ", e.shape.size(), " axes, at most ", Shape::kMaxRank,
                       " are supported");
    position = e.end;
  }
  require<DataError>(position == data_bytes, origin, ": the tensors end at byte ", position, " of the data, which has ", data_bytes,
                     position < data_bytes ? ": there are trailing bytes" : ": the file is truncated");
}

void check_digest(std::string_view bytes, std::string_view header, const HeaderReader& reader, const std::string& origin) {
  const auto digest = reader.metadata.find("crc32c");
  const auto writer = reader.metadata.find("writer");
  if (digest == reader.metadata.end()) {
    require<DataError>(writer == reader.metadata.end() || writer->second != "lamina", origin,
                       ": the checksum crc32c is gone: the header is damaged");
    return;
  }
  const std::size_t at = header.find(digest_field(digest->second));
  bool good = digest->second.size() == 8 && at != std::string_view::npos;
  if (good) {
    const std::size_t begin = 8 + at + digest_field("").size() - 1;
    std::uint32_t crc = crc32c(bytes.substr(0, begin));
    crc = crc32c(kNoDigest, crc);
    crc = crc32c(bytes.substr(begin + 8), crc);
    good = hex(crc) == digest->second;
  }
  require<DataError>(good, origin, ": the checksum crc32c does not match: the file is damaged (if another program rewrote it, drop ",
                     "'crc32c' and 'writer' from its metadata)");
}

template <class Map>
const auto& find_or_throw(const Map& map, std::string_view name, const char* what) {
  const auto it = map.find(name);
  require<DataError>(it != map.end(), "the archive has no ", what, " '", std::string(name), "'");
  return it->second;
}

/// Calls `f(chunks)` with the pieces of the file, in order.
template <class F>
auto with_chunks(const TensorArchive& archive, std::uint64_t max_header, F&& f) {
  struct Item {
    const std::string* name;
    Tensor packed;
    const FileElement* element;
  };
  std::vector<Item> items;
  for (const auto& [name, tensor] : archive.tensors) {
    require<DeviceError>(tensor.device().is_cpu(), "safetensors: the tensor '", name, "' is on ", tensor.device(),
                         "; move it to the CPU first");
    items.push_back({&name, tensor.packed(), &element_of(tensor.dtype())});
  }
  std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.element < b.element; });

  auto metadata = archive.metadata;
  metadata.insert_or_assign("crc32c", std::string(kNoDigest));
  metadata.insert({"format", "pt"});
  metadata.insert_or_assign("writer", "lamina");
  std::string header = "{\"__metadata__\":{";
  for (const auto& [key, value] : metadata)
    header += (header.back() == '{' ? "" : ",") + quoted(key, "the metadata") + ':' + quoted(value, "the metadata value");
  header += '}';
  std::uint64_t position = 0;
  for (const Item& item : items) {
    const std::uint64_t end = position + bytes_of(item.packed).size();
    header += ',' + quoted(*item.name, "the tensor name") + ":{\"dtype\":\"" + item.element->safetensors + "\",\"shape\":[";
    for (int axis = 0; axis < item.packed.rank(); ++axis) header += message(axis ? "," : "", item.packed.size(axis));
    header += "],\"data_offsets\":[" + std::to_string(position) + ',' + std::to_string(end) + "]}";
    position = end;
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  require<DataError>(header.size() <= max_header, "safetensors: the header would have ", header.size(), " bytes, the limit is ",
                     max_header);

  const std::uint64_t size = header.size();
  std::string head(8, '\0');
  std::memcpy(head.data(), &size, 8);
  head += header;
  std::vector<std::string_view> chunks{head};
  for (const Item& item : items) chunks.push_back(bytes_of(item.packed));
  std::uint32_t crc = 0;
  for (const std::string_view chunk : chunks) crc = crc32c(chunk, crc);
  head.replace(head.find(digest_field(std::string(kNoDigest))) + digest_field("").size() - 1, 8, hex(crc));
  return f(std::span<const std::string_view>(chunks));
}

}  // namespace

const Tensor& TensorArchive::at(std::string_view name) const { return find_or_throw(tensors, name, "tensor"); }
const std::string& TensorArchive::metadata_at(std::string_view name) const { return find_or_throw(metadata, name, "metadata"); }

std::string format_safetensors(const TensorArchive& archive, std::uint64_t max_header) {
  return with_chunks(archive, max_header, [](std::span<const std::string_view> chunks) {
    std::string bytes;
    for (const std::string_view chunk : chunks) bytes += chunk;
    return bytes;
  });
}

void write_safetensors(const std::filesystem::path& path, const TensorArchive& archive) {
  with_chunks(archive, kMaxHeaderBytes, [&](std::span<const std::string_view> chunks) { write_file_atomically(path, chunks); });
}

namespace {

/// What a file holds, checked: where each tensor's bytes are.
struct Contents {
  std::vector<Entry> entries;
  std::vector<TensorInfo> tensors;
  Metadata metadata;
  std::string_view data;
};

Contents contents_of(std::string_view bytes, const std::string& origin, std::uint64_t max_header) {
  require<DataError>(bytes.size() >= 8, origin, ": a safetensors file has at least 8 bytes, this one has ", bytes.size());
  std::uint64_t size = 0;
  std::memcpy(&size, bytes.data(), 8);
  require<DataError>(size <= max_header, origin, ": the header claims ", size, " bytes, the limit is ", max_header);
  require<DataError>(size <= bytes.size() - 8, origin, ": the header claims ", size, " bytes but the file has ", bytes.size(),
                     ": it is truncated");
  const std::string_view header = bytes.substr(8, size);
  // The JSON library takes a zero byte for the end and skips a byte order mark.
  const std::size_t first = header.find_first_not_of(" \t\r\n");
  require<DataError>(first != std::string_view::npos && header[first] == '{' && header.find('\0') == std::string_view::npos, origin,
                     ": the header is not a JSON object");

  HeaderReader reader;
  const bool parsed = nlohmann::json::sax_parse(header.begin(), header.end(), &reader);
  require<DataError>(parsed && reader.error.empty(), origin, ": ", reader.error);
  check_digest(bytes, header, reader, origin);
  Contents index{std::move(reader.entries), {}, std::move(reader.metadata), bytes.substr(8 + size)};
  check_layout(index.entries, index.data.size(), origin);
  index.metadata.erase("crc32c");
  for (const Entry& e : index.entries) {
    std::int64_t dims[Shape::kMaxRank];
    std::copy(e.shape.begin(), e.shape.end(), dims);
    try {
      index.tensors.push_back({e.name, e.element->tensor, Shape(dims, static_cast<int>(e.shape.size()))});
    } catch (const ShapeError& error) {
      throw DataError(message(origin, ": the tensor '", e.name, "': ", error.what()));
    }
  }
  return index;
}

Tensor tensor_at(const Contents& index, std::size_t i, const std::string& origin) {
  const Entry& e = index.entries[i];
  return tensor_from_bytes(*e.element, index.data.substr(e.begin, e.end - e.begin), index.tensors[i].shape,
                           origin + ": the tensor '" + e.name + "'");
}

}  // namespace

TensorArchive parse_safetensors(std::string_view bytes, const std::string& origin, std::uint64_t max_header) {
  Contents index = contents_of(bytes, origin, max_header);
  TensorArchive archive;
  for (std::size_t i = 0; i < index.tensors.size(); ++i) archive.tensors.emplace(index.tensors[i].name, tensor_at(index, i, origin));
  archive.metadata = std::move(index.metadata);
  return archive;
}

TensorArchive read_safetensors(const std::filesystem::path& path) { return parse_safetensors(read_file(path), path.string()); }

struct SafetensorsFile::State {
  std::string origin, bytes;
  Contents index;
};
SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : state_(std::make_unique<State>(State{path.string(), read_file(path), {}})) {
  state_->index = contents_of(state_->bytes, state_->origin, kMaxHeaderBytes);
}
SafetensorsFile::SafetensorsFile(std::string bytes, const std::string& origin)
    : state_(std::make_unique<State>(State{origin, std::move(bytes), {}})) {
  state_->index = contents_of(state_->bytes, state_->origin, kMaxHeaderBytes);
}
SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile&&) noexcept = default;
const Metadata& SafetensorsFile::metadata() const { return state_->index.metadata; }
const std::vector<TensorInfo>& SafetensorsFile::tensors() const { return state_->index.tensors; }
Tensor SafetensorsFile::read(std::size_t index) const { return tensor_at(state_->index, index, state_->origin); }

}  // namespace lamina::io
