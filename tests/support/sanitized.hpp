#pragma once

namespace lamina::test {

/// Are we watched by a sanitizer, which takes memory and addresses of its own?
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace lamina::test
