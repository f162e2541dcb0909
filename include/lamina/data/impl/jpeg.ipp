// JPEG through libjpeg-turbo. Its errors arrive by longjmp, so the code between setjmp and libjpeg holds no objects with
// destructors.
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <cstdlib>

#include "lamina/data/draw.hpp"
#include "lamina/data/impl/decoders.hpp"

namespace lamina::data {
namespace {

constexpr int kMaxScans = 200;  // a progressive file needs about ten; thousands are an attack on time

class Jpeg {
 public:
  explicit Jpeg(const std::string& origin) : origin_(origin) {
    info.err = jpeg_std_error(&errors_);
    errors_.error_exit = [](j_common_ptr c) { fail(c); };
    errors_.emit_message = on_message;
    errors_.output_message = [](j_common_ptr) {};
    progress_.progress_monitor = [](j_common_ptr c) {
      if (reinterpret_cast<j_decompress_ptr>(c)->input_scan_number > kMaxScans) fail(c, "too many scans");
    };
    info.client_data = this;
    guarded([&] { jpeg_create_decompress(&info); });
    info.progress = &progress_;
  }
  ~Jpeg() { jpeg_destroy_decompress(&info); }
  Jpeg(const Jpeg&) = delete;
  Jpeg& operator=(const Jpeg&) = delete;

  /// Runs `f`, which calls libjpeg and must hold nothing that needs a destructor. Throws DataError with libjpeg's reason.
  template <class F>
  void guarded(const F& f) {
    if (setjmp(jump_)) throw DataError(message(origin_, ": ", static_cast<const char*>(text_)));
    f();
  }

  jpeg_decompress_struct info{};

 private:
  [[noreturn]] static void fail(j_common_ptr c, const char* reason = nullptr) {
    auto& self = *static_cast<Jpeg*>(c->client_data);
    if (reason)
      std::strncpy(self.text_, reason, sizeof self.text_ - 1);
    else
      c->err->format_message(c, self.text_);
    std::longjmp(self.jump_, 1);
  }
  /// libjpeg continues with gray after damage; that must not pass for a photograph. Three warnings are harmless.
  static void on_message(j_common_ptr c, int level) {
    if (level >= 0) return;
    const int code = c->err->msg_code;
    if (code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_BOGUS_PROGRESSION) return;
    fail(c, code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER ? "the file is truncated or damaged" : nullptr);
  }

  const std::string& origin_;
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_;
  char text_[JMSG_LENGTH_MAX] = "";
};

/// The EXIF block of a JPEG file, among the segments before its pixels.
std::string_view exif_block(std::string_view jpeg) {
  for (std::size_t at = 2; at + 4 <= jpeg.size() && detail::byte_at(jpeg, at) == 0xff;) {
    const unsigned marker = detail::byte_at(jpeg, at + 1);
    if (marker == 0xff) {  // filling
      ++at;
      continue;
    }
    const std::string_view segment = jpeg.substr(at + 4, std::max<std::size_t>(detail::number_at(jpeg, at + 2, 2, false), 2) - 2);
    if (marker == 0xe1 && segment.substr(0, 4) == "Exif") return segment;
    if (marker == 0xda) break;
    at += 4 + segment.size();
  }
  return {};
}

/// What a file of several scans takes beside its samples: every coefficient, 2 bytes each.
std::int64_t bytes_of_coefficients(const jpeg_decompress_struct& info) {
  std::int64_t bytes = 0;
  for (int c = 0; c < info.num_components; ++c) {
    const jpeg_component_info& part = info.comp_info[c];
    bytes += (std::int64_t{part.width_in_blocks} + part.h_samp_factor) * (std::int64_t{part.height_in_blocks} + part.v_samp_factor) *
             DCTSIZE2 * static_cast<std::int64_t>(sizeof(JCOEF));
  }
  return bytes;
}

/// Adobe writes CMYK inverted, and every CMYK JPEG in the wild is Adobe's.
void rgb_from_inverted_cmyk(Raster& raster) {
  const std::size_t pixels = raster.pixel_count();
  for (std::size_t i = 0; i < pixels; ++i)
    for (std::size_t c = 0; c < 3; ++c)
      raster.samples[3 * i + c] = static_cast<std::uint8_t>(raster.samples[4 * i + c] * raster.samples[4 * i + 3] / 255);
  raster.samples.resize(3 * pixels);
  raster.channels = 3;
}

}  // namespace

Raster detail::decode_jpeg(std::string_view bytes, const std::string& origin, const DecodeLimits& limits) {
  Jpeg reader(origin);
  jpeg_decompress_struct& info = reader.info;
  Raster raster;
  raster.format = FileFormat::jpeg;
  reader.guarded([&] {
    jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    jpeg_read_header(&info, TRUE);
    const bool cmyk = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
    info.out_color_space = info.jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_calc_output_dimensions(&info);
  });
  raster.width = static_cast<int>(info.output_width);
  raster.height = static_cast<int>(info.output_height);
  raster.channels = info.output_components;
  raster.lossy = true;
  raster.orientation = exif_orientation(exif_block(bytes));
  // A block of 64 pixels takes a bit at least, except where they are coded arithmetically.
  if (!info.arith_code) require_justified(raster, origin, std::int64_t{raster.width} * raster.height / (64 * 8), bytes.size());
  allocate_samples(raster, origin, limits, jpeg_has_multiple_scans(&info) ? bytes_of_coefficients(info) : 0);
  const std::size_t row_bytes = raster.samples.size() / static_cast<std::size_t>(raster.height);
  reader.guarded([&] {
    jpeg_start_decompress(&info);
    while (info.output_scanline < info.output_height) {
      JSAMPROW row = raster.samples.data() + info.output_scanline * row_bytes;
      jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
  });
  if (raster.channels == 4) rgb_from_inverted_cmyk(raster);
  return raster;
}

namespace {
/// A libjpeg writer into memory; it has no errors but that of memory.
struct JpegWriter {
  JpegWriter() {
    info.err = jpeg_std_error(&errors);
    errors.error_exit = [](j_common_ptr c) { std::longjmp(static_cast<JpegWriter*>(c->client_data)->jump, 1); };
    info.client_data = this;
  }
  ~JpegWriter() {
    jpeg_destroy_compress(&info);
    std::free(bytes);
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;

  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  std::jmp_buf jump;
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
};
}  // namespace

std::string encode_jpeg(const Image& image, int quality) {
  require_plain("JPEG encoder", image);
  JpegWriter writer;
  if (setjmp(writer.jump)) throw MemoryError("JPEG encoder: out of memory in libjpeg");
  jpeg_create_compress(&writer.info);
  jpeg_mem_dest(&writer.info, &writer.bytes, &writer.size);
  writer.info.image_width = static_cast<JDIMENSION>(image.width);
  writer.info.image_height = static_cast<JDIMENSION>(image.height);
  writer.info.input_components = image.channels;
  writer.info.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&writer.info);
  jpeg_set_quality(&writer.info, quality, TRUE);
  writer.info.comp_info[0].h_samp_factor = writer.info.comp_info[0].v_samp_factor = 1;  // colors as fine as light
  writer.info.optimize_coding = TRUE;
  jpeg_start_compress(&writer.info, TRUE);
  while (writer.info.next_scanline < writer.info.image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(image.at(0, static_cast<int>(writer.info.next_scanline)));
    jpeg_write_scanlines(&writer.info, &row, 1);
  }
  jpeg_finish_compress(&writer.info);
  return {reinterpret_cast<const char*>(writer.bytes), writer.size};
}

std::string detail::jpeg_version() {
#ifdef LIBJPEG_TURBO_VERSION_NUMBER  // 2001005 is 2.1.5
  constexpr int v = LIBJPEG_TURBO_VERSION_NUMBER;
  return message("libjpeg-turbo ", v / 1000000, '.', v / 1000 % 1000, '.', v % 1000);
#else
  return message("libjpeg ", JPEG_LIB_VERSION / 10);
#endif
}

}  // namespace lamina::data
