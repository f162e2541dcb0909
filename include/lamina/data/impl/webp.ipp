// WebP through libwebp.
#include "lamina/data/impl/decoders.hpp"

#if LAMINA_HAS_WEBP
#include <webp/decode.h>
#endif

namespace lamina::data::detail {

#if LAMINA_HAS_WEBP
namespace {
/// The data of the first chunk of a RIFF file with that name.
std::string_view riff_chunk(std::string_view riff, std::string_view name) {
  for (std::size_t at = 12; at + 8 <= riff.size();) {
    const std::size_t size = number_at(riff, at + 4, 4, true);
    if (riff.substr(at, 4) == name) return riff.substr(at + 8, size);
    at += 8 + size + size % 2;
  }
  return {};
}
}  // namespace

std::string webp_version() {
  const int v = WebPGetDecoderVersion();
  return message("libwebp ", v >> 16, '.', v >> 8 & 255, '.', v & 255);
}

Raster decode_webp(std::string_view bytes, const std::string& origin, const DecodeLimits& limits) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  WebPBitstreamFeatures features;
  require<DataError>(WebPGetFeatures(data, bytes.size(), &features) == VP8_STATUS_OK, origin, ": the WebP file is truncated or damaged");
  require<DataError>(!features.has_animation, origin, ": an animated WebP is not read; save its pictures as PNG");
  Raster raster;
  raster.format = FileFormat::webp;
  raster.width = features.width;
  raster.height = features.height;
  raster.has_alpha = features.has_alpha != 0;
  raster.channels = raster.has_alpha ? 4 : 3;
  raster.lossy = features.format != 2;
  raster.orientation = exif_orientation(riff_chunk(bytes, "EXIF"));
  // Beside the samples: ARGB of a lossless file with its cache, or the planes of a lossy one.
  allocate_samples(raster, origin, limits, bytes_of_pixels(raster, 8, origin));
  const auto decode = raster.has_alpha ? WebPDecodeRGBAInto : WebPDecodeRGBInto;
  require<DataError>(decode(data, bytes.size(), raster.samples.data(), raster.samples.size(), raster.width * raster.channels) != nullptr,
                     origin, ": the WebP file is truncated or damaged");
  return raster;
}
#else
std::string webp_version() { return ""; }

Raster decode_webp(std::string_view, const std::string& origin, const DecodeLimits&) {
  throw DataError(origin + ": this build reads no WebP; build with libwebp, or convert the file to PNG");
}
#endif

}  // namespace lamina::data::detail
