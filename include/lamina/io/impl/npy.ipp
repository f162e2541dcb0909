// NumPy's array file: magic, version, header size, a Python dict literal, packed elements. Format: numpy/lib/format.py.
#include "lamina/io/npy.hpp"

#include <algorithm>
#include <vector>

#include "lamina/io/file.hpp"
#include "lamina/io/impl/element.hpp"

namespace lamina::io {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeader = 10'000;  // numpy's own limit

struct NpyHeader {
  char byte_order = 0;
  const FileElement* element = nullptr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

/// Parses exactly the literal that NumPy writes, in any key order: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class LiteralParser {
 public:
  LiteralParser(std::string_view text, const std::string& origin) : rest_(text), origin_(origin) {}

  NpyHeader parse() {
    NpyHeader h;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !std::exchange(descr, true))
        read_descr(h);
      else if (key == "fortran_order" && !std::exchange(order, true))
        h.fortran_order = boolean();
      else if (key == "shape" && !std::exchange(shape, true))
        read_shape(h);
      else
        fail("the header has an unknown or repeated key '" + key + "'");
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (!rest_.empty()) fail("text follows the header's dict");
    if (!descr || !order || !shape) fail("the header lacks descr, fortran_order or shape");
    return h;
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const { throw DataError(origin_ + ": " + reason); }
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }
  bool accept(char c) {
    skip_space();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(message("the header lacks a '", c, "'"));
  }
  bool accept_word(std::string_view word) {
    skip_space();
    if (rest_.substr(0, word.size()) != word) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  std::string quoted() {
    const char quote = accept('\'') ? '\'' : '"';
    if (quote == '"') expect('"');
    const std::size_t end = rest_.find(quote);
    if (end == std::string_view::npos) fail("the header has an open quote");
    std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool boolean() {
    if (accept_word("True")) return true;
    if (!accept_word("False")) fail("fortran_order is neither True nor False");
    return false;
  }
  void read_descr(NpyHeader& h) {
    skip_space();
    if (!rest_.empty() && rest_.front() == '[') fail("structured arrays are not supported");
    const std::string descr = quoted();
    if (descr.find('O') != std::string::npos) fail("the array holds Python objects (pickles), which are never loaded");
    if (descr.size() >= 2)
      for (const FileElement& e : kFileElements)
        if (e.npy && descr.substr(1) == e.npy) h.element = &e;
    if (!h.element || std::string_view("<>|=").find(descr[0]) == std::string_view::npos) fail("unsupported element type '" + descr + "'");
    h.byte_order = descr[0];
  }
  void read_shape(NpyHeader& h) {
    expect('(');
    while (!accept(')')) {
      skip_space();
      std::int64_t extent = 0;
      std::size_t digits = 0;
      for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits)
        if (__builtin_mul_overflow(extent, 10, &extent) || __builtin_add_overflow(extent, rest_[digits] - '0', &extent))
          fail("the shape overflows 63 bits");
      if (digits == 0) fail("the shape is not a tuple of non-negative integers");
      rest_.remove_prefix(digits);
      h.shape.push_back(extent);
      if (h.shape.size() > Shape::kMaxRank) fail(message("the array has more than ", Shape::kMaxRank, " axes"));
      if (accept(',')) continue;
      if (h.shape.size() == 1) fail("the shape is not a tuple: one extent needs its comma");
      expect(')');
      break;
    }
  }

  std::string_view rest_;
  const std::string& origin_;
};

/// The elements in C order and this machine's byte order.
std::string normalised(const NpyHeader& h, std::string_view data) {
  const std::size_t size = h.element->size, count = data.size() / size;
  std::string bytes(data);
  if (h.fortran_order && h.shape.size() > 1 && count > 0) {
    std::vector<std::size_t> index(h.shape.size(), 0), stride(h.shape.size(), 1);
    for (std::size_t a = 1; a < stride.size(); ++a) stride[a] = stride[a - 1] * static_cast<std::size_t>(h.shape[a - 1]);
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t from = 0;
      for (std::size_t a = 0; a < index.size(); ++a) from += index[a] * stride[a];
      std::memcpy(bytes.data() + i * size, data.data() + from * size, size);
      for (std::size_t a = index.size(); a-- > 0;) {
        if (++index[a] < static_cast<std::size_t>(h.shape[a])) break;
        index[a] = 0;
      }
    }
  }
  if (h.byte_order == '>')
    for (std::size_t i = 0; i < count; ++i)
      std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i * size), bytes.begin() + static_cast<std::ptrdiff_t>((i + 1) * size));
  return bytes;
}

std::string npy_head(const Tensor& t) {
  const FileElement& element = element_of(t.dtype());
  require<DataError>(element.npy, "npy: NumPy has no type for ", name_of(t.dtype()), "; convert with Tensor::to(DType::f32)");
  std::string dict = message("{'descr': '", element.size == 1 ? '|' : '<', element.npy, "', 'fortran_order': False, 'shape': (");
  for (int axis = 0; axis < t.rank(); ++axis) dict += (axis ? ", " : "") + std::to_string(t.size(axis));
  dict += t.rank() == 1 ? ",), }" : "), }";
  const std::size_t fixed = kMagic.size() + 4;
  dict.append((64 - (fixed + dict.size() + 1) % 64) % 64, ' ');
  dict += '\n';
  std::string head(kMagic);
  head += '\1';
  head += '\0';
  head += static_cast<char>(dict.size() & 255);
  head += static_cast<char>(dict.size() >> 8);
  return head + dict;
}

}  // namespace

std::string format_npy(const Tensor& tensor) {
  const Tensor packed = tensor.packed();
  return npy_head(packed).append(bytes_of(packed));
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  const Tensor packed = tensor.packed();
  const std::string head = npy_head(packed);
  const std::string_view chunks[] = {head, bytes_of(packed)};
  write_file_atomically(path, chunks);
}

namespace {
struct NpyFile {
  NpyHeader header;
  std::string_view data;
};

/// The header, and the bytes after it: as many as it says.
NpyFile split_npy(std::string_view bytes, const std::string& origin) {
  require<DataError>(bytes.substr(0, kMagic.size()) == kMagic && bytes.size() >= 10, origin, ": this is not a .npy file");
  const int version = static_cast<unsigned char>(bytes[6]);
  require<DataError>(version >= 1 && version <= 3 && bytes[7] == 0, origin, ": unknown .npy version ", version);
  const std::size_t width = version == 1 ? 2 : 4;
  std::size_t size = 0;
  require<DataError>(bytes.size() >= 8 + width, origin, ": the file is truncated");
  std::memcpy(&size, bytes.data() + 8, width);
  require<DataError>(size <= kMaxHeader, origin, ": the header has ", size, " bytes, the limit is ", kMaxHeader);
  require<DataError>(size <= bytes.size() - 8 - width, origin, ": the file is truncated");
  NpyHeader h = LiteralParser(bytes.substr(8 + width, size), origin).parse();
  const std::string_view data = bytes.substr(8 + width + size);
  try {
    const Shape shape(h.shape.data(), static_cast<int>(h.shape.size()));
    std::size_t expected = 0;
    require<DataError>(
        !__builtin_mul_overflow(static_cast<std::size_t>(shape.numel()), h.element->size, &expected) && data.size() == expected, origin,
        ": the data has ", data.size(), " bytes, shape ", shape, " needs ", shape.numel(), " elements of ", h.element->size);
  } catch (const ShapeError& error) {
    throw DataError(origin + ": " + error.what());
  }
  return {std::move(h), data};
}
}  // namespace

Tensor parse_npy(std::string_view bytes, const std::string& origin) {
  const auto [h, data] = split_npy(bytes, origin);
  const Shape shape(h.shape.data(), static_cast<int>(h.shape.size()));
  const bool as_stored = !h.fortran_order && h.byte_order != '>';
  return as_stored ? tensor_from_bytes(*h.element, data, shape, origin) : tensor_from_bytes(*h.element, normalised(h, data), shape, origin);
}

NpyArray parse_npy_array(std::string_view bytes, const std::string& origin) {
  auto [h, data] = split_npy(bytes, origin);
  const char kind = h.element->npy[0];
  return {.type = h.element->npy,
          .integers = kind != 'f',
          .is_signed = kind == 'i',
          .big_endian = h.byte_order == '>',
          .fortran_order = h.fortran_order,
          .element_bytes = h.element->size,
          .shape = std::move(h.shape),
          .data = data};
}

std::int64_t NpyArray::integer(std::size_t i) const {
  std::uint64_t v = 0;
  std::memcpy(&v, data.data() + i * element_bytes, element_bytes);
  const int unused = 64 - 8 * static_cast<int>(element_bytes);
  if (big_endian) v = __builtin_bswap64(v) >> unused;
  if (is_signed) return static_cast<std::int64_t>(v << unused) >> unused;
  return static_cast<std::int64_t>(std::min(v, static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())));
}

Tensor read_npy(const std::filesystem::path& path) { return parse_npy(read_file(path), path.string()); }

}  // namespace lamina::io
