// Options that several verbs have.
#pragma once
#include "help.hpp"
#include "lamina/models/registry.hpp"
#include "open_data.hpp"
#include "verbs.hpp"

namespace cli {

template <class Text>
void add_nearest_color(Verb& verb, Text& others) {
  verb.add({.name = "--nearest-color", .value = [&others] { others = "nearest"; }, .help = "the same as --others nearest"});
}

/// An option that says of itself what that of training says.
void add_training(Verb& verb, std::string_view field, Target value);
void add_data(Verb& verb, DataOptions& o);
/// Options of every family that is registered; a family says which are its own.
void add_model(Verb& verb, lamina::models::ModelConfig& config);

/// Runs what tests whether results can be written; its error says what to do instead.
template <class F>
void before_work(const F& test, const std::string& instead) {
  try {
    test();
  } catch (const lamina::IoError& e) {
    throw lamina::IoError(std::string(e.what()) + "; nothing was computed: " + instead);
  }
}

inline constexpr const char* kRunHelp = "run folder or .safetensors file";
inline void add_run(Verb& verb, std::string& run, bool required = true) {
  verb.add({.name = "RUN", .value = &run, .help = kRunHelp, .required = required});
}
inline void add_device(Verb& verb, std::string& device) { add_training(verb, "device", &device); }
inline void add_new_folder(Verb& verb, std::string& out) {
  verb.add({.name = "OUT", .value = &out, .help = "folder to create", .required = true});
}
inline void add_results(Verb& verb, std::string& out) {
  verb.add({.name = "--out", .value = &out, .help = "output folder", .required = true});
}
inline void add_max_pixels(Verb& verb, std::int64_t& pixels) {
  verb.add({.name = "--max-pixels",
            .value = &pixels,
            .help = "larger photographs are refused: a limit against damaged and hostile files",
            .least = lamina::kPositive});
}
inline void add_overlay(Verb& verb, std::string& overlay) {
  verb.add({.name = "--overlay", .value = &overlay, .help = "how pictures show labels", .choices = kOverlayChoices});
}
inline void add_weights(Verb& verb, std::string& weights) {
  verb.add({.name = "--weights", .value = &weights, .help = "which checkpoint of the run", .choices = kWeightsChoices});
}
inline void add_resume(Verb& verb, std::string& resume) {
  verb.add({.name = "--resume", .value = &resume, .help = "what becomes of a run folder that is there", .choices = kResumeChoices});
}

}  // namespace cli
