#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/data/augment.hpp"
#include "lamina/data/batch.hpp"
#include "lamina/data/dataset.hpp"

namespace lamina::data {

/// Paths of photographs, packed: a hundred bytes or less each, so that lists of hundreds of thousands are no matter.
class PhotoList {
 public:
  void add(std::string_view path) {
    text_ += path;
    ends_.push_back(text_.size());
  }
  std::size_t size() const { return ends_.size(); }
  std::string_view operator[](std::size_t i) const {
    const std::size_t begin = i ? ends_[i - 1] : 0;
    return std::string_view(text_).substr(begin, ends_[i] - begin);
  }
  /// Tells one list from another: by its paths, and what the files hold where they are 256 MiB or less in all (each counts 4 KiB more than
  /// it has), else by their sizes and when they were changed last. Files that cannot be read are so in both.
  std::uint32_t checksum() const;

 private:
  std::string text_;
  std::vector<std::uint64_t> ends_;
};

/// What a line of a list may name, the longest first: all of it, or what stands before a tab, comma, semicolon or space, without quotes.
std::vector<std::string> names_in_line(const std::string& line);
/// Whether a line names a mask before its photograph: a picture of another folder, and then one of a folder images/.
bool names_mask_first(const std::string& line);

/// Takes out of files those that are called as the mask of another one in the same folder ("a_mask.png", "A_Mask_1.png" beside "a.jpg";
/// "mask.png" beside "image.png"), and returns them.
std::vector<std::filesystem::path> take_masks(std::vector<std::filesystem::path>& files);

/// Photographs to learn from and photographs to look at how it went.
struct PhotoSets {
  PhotoList training, held_out;
  std::vector<std::string> notes;  ///< where they come from, one line a source
};

/// Finds photographs without labels. A source is a data set (a folder with images/: its train list, and its unlabelled.txt or unlabelled/
/// where there are any), a folder (searched with all its folders; masks beside photographs are left out), a list (a text file: a
/// path a line, relative to the list, or a name in the images/ beside it; a mask after it is left out; # starts a comment), or a
/// photograph. Nothing is opened: a photograph that lacks or is damaged is found when it is its turn. Nothing of the data sets' val and
/// test lists is trained on, copies of it under other names neither, and nothing twice that two sources have, whatever paths lead there;
/// what is left out so stands in the notes. Of the data sets' val lists up to `held_out` photographs are held out; where there are none,
/// that many of the others, chosen by `seed` and their names, and at most half of them. Throws DataError: a source that is none of these,
/// nothing found.
PhotoSets find_photos(const std::vector<std::string>& sources, int held_out, std::uint64_t seed);

struct PhotoOptions {
  int batch = 4;
  int width = 256, height = 256;
  Resize resize = Resize::crop;
  /// Of a random crop: false, the window stays inside the photograph where that is large enough; true, its center is anywhere in the
  /// photograph, and what lies outside has the border's color.
  bool center_anywhere = false;
  Augment augment{};
  Border border{{255, 255, 255}, kIgnoreLabel};
  bool shuffle = false;            ///< and crop at random
  std::int64_t epoch_batches = 0;  ///< that make an epoch; 0: those of one pass over the list
  bool skip_unusable = true;       ///< take the next photograph in place of one that is gray or cannot be read; false: throw
  std::uint64_t seed = 0;
  DecodeLimits limits{};
};

/// Batches of photographs without labels, each decoded when its batch is made and forgotten afterwards. Order, crops and augmentation are
/// functions of (seed, pass, photograph); the batch is made on all threads. Photographs smaller than a crop are surrounded by the border;
/// 16-bit ones are scaled to 8 bits; gray ones have no colors to learn and are unusable. Tensors: "image" (N, H, W, 3) f32, x * 2/255 - 1
/// (colors are what is learned here, and a generator's tanh gives them in that range: no set's Normalization applies), and "passed_over"
/// (N) f32, how many unusable photographs came before each.
class PhotoStream : public Batches {
 public:
  /// Throws OptionError: sizes or counts below 1.
  PhotoStream(PhotoList photos, const PhotoOptions& options);

  std::int64_t batches() const override;
  void start(std::int64_t epoch, std::int64_t first_batch = 0) override;
  /// Throws DataError, IoError naming a photograph that is unusable, or the last of 64 in a row that are.
  bool next(Batch& batch) override;
  /// Looks at every photograph and forgets those that are unusable; returns how many. Throws as next where they are not passed over.
  std::size_t drop_unusable();
  std::string name(int index) const override { return std::string(photos_[static_cast<std::size_t>(index)]); }
  const PhotoList& photos() const { return photos_; }
  /// What was wrong with an unusable photograph that was passed over; empty when none was.
  const std::string& example() const { return example_; }

 private:
  /// Where pass `pass` has the photograph at `position`.
  std::size_t at(std::int64_t pass, std::int64_t position);
  /// The photograph, or why it is unusable.
  Image read(std::size_t photo, std::string& problem) const;

  PhotoList photos_;
  PhotoOptions options_;
  std::vector<std::uint32_t> order_;
  std::int64_t pass_ = -1;               // whose order it is
  std::int64_t position_ = 0, end_ = 0;  // of the next photograph, and of the epoch's last, counted over all passes
  std::string example_;
};

}  // namespace lamina::data
