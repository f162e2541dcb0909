// What a person sees: lines that are whole, help that lists, commands that work as they stand.
#include <map>
#include <set>
#include <sstream>

#include "lamina/train/study.hpp"
#include "lamina/train/trainer.hpp"
#include "support/op_check.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// The lines that stand on a terminal in the end: what was erased is gone, colors too.
std::vector<std::string> seen(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (const std::size_t erased = line.rfind("\x1b[2K"); erased != std::string::npos) line.erase(0, erased + 4);
    std::string plain;
    for (std::size_t i = 0; i < line.size(); ++i)
      if (line[i] == '\x1b')
        i = line.find('m', i);
      else if (line[i] != '\r')
        plain += line[i];
    all.push_back(plain);
  }
  return all;
}

bool holds(const std::vector<std::string>& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

/// Runs a line of a shell in the workshop.
Result shell(const Workshop& w, const std::string& line) { return Program("/bin/bash", {"-c", line}, w.path()).wait(); }

int columns(const std::string& line) {
  return static_cast<int>(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

TEST_CASE("a terminal: results and progress never share a line; colors, unless NO_COLOR says no") {
  const Workshop w;
  const Result trained = w.lamina("train data --out run" + kSmall, {}, ErrorStream::terminal_for_both);
  const auto lines = seen(trained.err);
  CHECK(holds(lines, "report  run/report.html"));
  CHECK(trained.err.find("\x1b[1mepoch 1/3\x1b[0m") != std::string::npos);
  const auto scored = seen(w.lamina("evaluate run data", {}, ErrorStream::terminal_for_both).err);
  CHECK(std::count_if(scored.begin(), scored.end(), [](const std::string& l) { return l.starts_with("class  "); }) ==
        2);  // scores, borders
  const auto predicted = seen(w.lamina("predict run data/images --out p", {}, ErrorStream::terminal_for_both).err);
  for (const auto& image : fs::directory_iterator(w / "data/images"))
    CHECK_MESSAGE(holds(predicted, "p/masks/" + image.path().filename().string()), image.path().string());
  fs::remove(w / "data/masks/skin_0001.png");
  CHECK(w.lamina("check data", {}, ErrorStream::terminal_for_both).err.find("  \x1b[31merror\x1b[0m    ") != std::string::npos);
  CHECK(w.lamina("check data").out.find("  error    ") != std::string::npos);
  for (const auto& [name, value] : {std::pair("NO_COLOR", "1"), std::pair("TERM", "dumb")}) {
    ::setenv(name, value, 1);
    CHECK(w.lamina("check data", {}, ErrorStream::terminal_for_both).err.find("\x1b[31m") == std::string::npos);
    ::unsetenv(name);
  }
}

TEST_CASE("train says what differs from the defaults, the baseline once, and epochs on one line of 100 columns") {
  const Workshop w;
  const Result r = w.lamina("train data --out run" + kSmall + " --augment none");
  const auto has = [](const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; };
  CHECK(has(r.err, "\n  augment         none\n"));
  CHECK(has(r.err, "\n  base            2\n"));
  CHECK(!has(r.err, "\n  momentum"));
  const Result all = w.lamina("train data --out again --verbose" + kSmall + " --augment none");
  CHECK(has(all.err, "\n  momentum        0.9\n"));
  CHECK(has(all.err, "\n  augment         none\n"));
  const std::string baseline = "always the most frequent class";
  CHECK(has(r.err, baseline));
  CHECK(r.err.find(baseline) == r.err.rfind(baseline));
  int epochs = 0;
  std::istringstream in(r.err);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("epoch ") || has(line, "[")) continue;  // a progress line has a bar
    CHECK_MESSAGE(columns(line) <= 100, line);
    CHECK(has(line, " img/s"));
    ++epochs;
  }
  CHECK(epochs == 3);
}

TEST_CASE("what is not near is no suggestion: the list instead") {
  const Workshop w;
  for (const char* command : {"train data --qqqq", "train none --optimizer momentous", "train none --resize bicubic", "xyz"}) {
    const Result r = w.lamina(command);
    CHECK(r.code == 2);
    CHECK_MESSAGE(r.err.find("did you mean") == std::string::npos, r.err);
    CHECK_MESSAGE(r.err.find("known: ") != std::string::npos, r.err);
  }
  for (const auto& [command, near] : {std::pair("predict run data --out o --overlay outlin", "outline"),
                                      {"train data --resume nver", "never"},
                                      {"completion bsh", "bash"},
                                      {"train data --resize strech", "stretch"},
                                      {"train data --device cudda", "cuda"},
                                      {"import drve data out", "drive"}})
    check_error(w.lamina(command), 2, {message("did you mean \"", near, "\"?")});
  check_error(w.lamina("train data --qqqq"), 2, {"--epochs", "--augment", "--quiet"});
  check_error(w.lamina("xyz"), 2, {"train", "predict"});
  check_error(w.lamina("--halp"), 2, {"unknown option --halp", "--help"});
  check_error(w.lamina("colorize --halp"), 2, {"unknown option --halp", "--help"});
  check_error(w.lamina(""), 2, {"name a verb: check"});
  check_error(w.lamina("train data --lr inf"), 2, {"--lr inf must be finite"});
}

TEST_CASE("help fits 100 columns and lists what options may be, a line each") {
  const Workshop w;
  std::vector<std::string> verbs{""};
  const json none;
  const std::string top = w.lamina("--help").out;
  std::istringstream whole(top);
  for (std::string line; std::getline(whole, line);) CHECK_MESSAGE(columns(line) <= 100, line);
  for (const char* verb : {"check", "train", "evaluate", "report", "predict", "colorize train", "colorize predict", "study", "import",
                           "phantom", "info", "bench", "augment", "replay", "completion", "doctor"}) {
    const std::string first = std::string(verb).substr(0, std::string(verb).find(' '));
    CHECK_MESSAGE(top.find("\n  " + first + " ") != std::string::npos, verb);
    const Result help = w.lamina(std::string(verb) + " --help");
    CHECK(help.code == 0);
    std::istringstream in(help.out);
    for (std::string line; std::getline(in, line);) CHECK_MESSAGE(columns(line) <= 100, line);
  }
  std::string train;
  const auto lists = [&](const std::string& name) { CHECK_MESSAGE(train.find("  " + name + ": ") != std::string::npos, name); };
  int listed = 0;
  const auto of_field = [&](const Field& field, const auto&) {
    CHECK_MESSAGE(std::string(field.help).find(" | ") == std::string::npos, field.name);
    for (const Choice& c : field.choices) lists(c.name), ++listed;
  };
  train::StudyConfig study;
  train::ColorizeConfig colorize;
  train::TrainConfig config;
  train = w.lamina("study --help").out;
  describe(study, of_field);
  CHECK(listed > 60);
  lists("tversky");
  train = w.lamina("colorize train --help").out;
  describe(colorize, of_field);
  train = w.lamina("train --help").out;
  describe(config, of_field);
  CHECK(listed > 160);
  for (const char* preset : {"bn", "keras", "retina-shallow", "beta", "torchvision"}) lists(preset);
  for (const char* brought : {"separable", "frozen", "adaptive"}) lists(brought);  // by a family of networks
  for (const char* term : {"ce", "dice", "tversky"}) lists(term);
  for (const char* role : {"background", "foreground", "uncertain"})
    CHECK_MESSAGE(w.lamina("check --help").out.find(std::string("\n    ") + role + " ") != std::string::npos, role);
}

TEST_CASE("what --help lists is known, and what is known is listed") {
  train::TrainConfig config;
  config.data = "data", config.out = "run";
  const auto check = [&](auto member, std::span<const Choice> choices) {
    for (const Choice& c : choices) {
      CAPTURE(std::string(c.name));
      train::TrainConfig one = config;
      one.*member = c.name;
      CHECK_NOTHROW(train::check_settings(one));
    }
  };
  check(&train::TrainConfig::resize, train::kResizeChoices);
  check(&train::TrainConfig::augment, train::kAugmentChoices);
  check(&train::TrainConfig::class_weights, train::kClassWeightChoices);
  check(&train::TrainConfig::normalize, train::kNormalizeChoices);
  check(&train::TrainConfig::optimizer, train::kOptimizerChoices);
  check(&train::TrainConfig::schedule, train::kScheduleChoices);
  const auto names = [&](auto member, const char* wrong) {  // as the error lists them
    train::TrainConfig one = config;
    one.*member = wrong;
    std::string text;
    try {
      train::check_settings(one);
    } catch (const OptionError& e) {
      text = e.what();
    }
    text.erase(0, text.find("known: ") + 7);
    std::string plain;
    for (const char c : text)
      if (c != ',') plain += c;
    return split(plain);
  };
  const auto complete = [&](const Words& known, std::span<const Choice> choices) {
    for (const std::string& name : known)
      CHECK_MESSAGE(std::any_of(choices.begin(), choices.end(), [&](const Choice& c) { return std::string(c.name) == name; }), name);
  };
  complete(names(&train::TrainConfig::resize, "?"), train::kResizeChoices);
  complete(names(&train::TrainConfig::class_weights, "?"), train::kClassWeightChoices);
  complete(names(&train::TrainConfig::normalize, "?"), train::kNormalizeChoices);
  complete(names(&train::TrainConfig::optimizer, "?"), train::kOptimizerChoices);
  complete(names(&train::TrainConfig::schedule, "?"), train::kScheduleChoices);
  complete(names(&train::TrainConfig::sentinels, "?"), train::kSentinelChoices);
  complete(names(&train::TrainConfig::precision, "?"), train::kPrecisionChoices);
  check(&train::TrainConfig::init, nn::init_choices());
  check(&train::TrainConfig::sentinels, train::kSentinelChoices);
}

TEST_CASE("completions and the man page know every verb and option") {
  const Workshop w;
  std::map<std::string, std::string> text;
  for (const char* form : {"bash", "zsh", "fish", "man"}) {
    const Result r = w.lamina(std::string("completion ") + form);
    CHECK(r.code == 0);
    text[form] = r.out;
    io::write_file_atomically(w / form, r.out);
  }
  int codes = 0;  // of the README's table: "| 0, 1, 2 | done; ..."
  for (const std::string& row : lines(fs::path(LAMINA_SOURCE_DIR) / "README.md")) {
    if (!row.starts_with("| ") || !std::isdigit(static_cast<unsigned char>(row[2]))) continue;
    for (std::string code : split(row.substr(2, row.find(" |") - 2))) {
      if (code.ends_with(',')) code.pop_back();
      CHECK_MESSAGE(text["man"].find(".B " + code + "\n") != std::string::npos, code);
      ++codes;
    }
  }
  CHECK(codes == 9);
  CHECK(text["fish"].find("__fish_seen_subcommand_from phantom' -x -a 'skin sparse ") != std::string::npos);
  check_error(w.lamina("completion csh"), 2, {"csh", "bash, zsh, fish, man"});
  for (const char* verb : {"train", "evaluate", "predict", "colorize train", "check"}) {
    std::istringstream help(w.lamina(std::string(verb) + " --help").out);
    for (std::string line; std::getline(help, line);) {
      const auto words = split(line.substr(std::min(line.find_first_not_of(' '), line.size())));
      if (words.empty() || !words[0].starts_with("--")) continue;
      std::string man = words[0];
      for (std::size_t at = 0; (at = man.find('-', at)) != std::string::npos; at += 2) man.insert(at, "\\");
      for (const auto& [form, name] : {std::pair("bash", words[0]), {"zsh", words[0]}, {"fish", "-l " + words[0].substr(2)}, {"man", man}})
        CHECK_MESSAGE(text[form].find(name) != std::string::npos, form << ": " << name);
    }
  }
  CHECK(shell(w, "bash -n bash").code == 0);
  const auto completes = [&](const std::string& words, int at) {
    return shell(w, "source ./bash; COMP_WORDS=(lamina " + words + "); COMP_CWORD=" + std::to_string(at) +
                        "; _lamina; echo \"${COMPREPLY[*]}\"")
        .out;
  };
  CHECK(completes("tr", 1) == "train\n");
  CHECK(completes("train --resize ''", 3) == "stretch crop pad\n");
  CHECK(completes("train data --patien", 3) == "--patience\n");
  CHECK(completes("train --norm ''", 3) == "batch frozen group\n");  // what a family of networks brings
  CHECK(completes("info --output-stride ''", 3) == "8 16\n");
  CHECK(completes("colorize ''", 2) == "train predict\n");
  CHECK(completes("colorize predict --si", 3) == "--side\n");
  CHECK(completes("import voc --qu", 3) == "--quiet\n");
  if (shell(w, "command -v groff").code == 0) CHECK(shell(w, "groff -man -Tutf8 -ww man").err.empty());
}

TEST_CASE("a run's config.json is a --config: the same run again") {
  const Workshop w;
  CHECK(w.lamina("train data --out run --quiet --augment vflip" + kSmall).code == 0);
  const Result again = w.lamina("train --config run/config.json --out again --quiet");
  CHECK_MESSAGE(again.code == 0, again.err);
  CHECK(w.read("again/weights/last.safetensors") == w.read("run/weights/last.safetensors"));
  CHECK(json::parse(w.read("again/config.json")) == json::parse(w.read("run/config.json")));
  CHECK(w.lamina("train data --config run/config.json --epochs 1 --out other --quiet").code == 0);  // the command line wins
  CHECK(json::parse(w.read("other/config.json")).at("epochs") == 1);
  // Other verbs take what they have of it.
  CHECK(w.lamina("evaluate run --config run/config.json --json --quiet").out == w.lamina("evaluate run data --json --quiet").out);
  const auto counts = [](const std::string& checked) { return checked.substr(0, checked.find("What to do now")); };
  CHECK(counts(w.lamina("check --config run/config.json").out) == counts(w.lamina("check data").out));
  const auto refused = [&](const std::string& text, int code, const Words& words) {
    io::write_file_atomically(w / "wrong", text);
    check_error(w.lamina("train data --config wrong --out other"), code, words);
  };
  refused("{\"epochs\": 1,\n \"lr\": }", 3, {"--config wrong line 2, column 8: this is no JSON"});
  refused("{\"epoch\": 1}", 2, {"--config wrong", "train.epoch", "did you mean \"epochs\""});
  refused("[train]\nepochs=\n", 2, {"--config wrong line 2: Error while parsing key-value pair: expected value"});
  refused("[train]\nepochs=\"\"\n", 2, {"--config wrong line 2: --epochs", "a number is missing"});
}

TEST_CASE("evaluate leaves scores, tables, pictures and a report") {
  const Workshop w;
  CHECK(w.lamina("train data --out run --quiet" + kSmall).code == 0);
  const json scores = json::parse(w.lamina("evaluate run data --split test --json --quiet").out);
  CHECK(scores.at("report") == "run/evaluate-test/report.html");
  const json left = json::parse(w.read("run/evaluate-test/scores.json"));
  CHECK(left.at("split") == "test");
  CHECK(left.at("score").at("value").get<double>() == doctest::Approx(scores.at("dice").at("macro_foreground").get<double>()));
  CHECK(csv_records(w.read("run/evaluate-test/per_image.csv")).size() == 1 + lines(w / "data/test.txt").size());
  const auto confusion = csv_records(w.read("run/evaluate-test/confusion.csv"));
  for (std::size_t t = 0; t < 9; ++t)
    for (std::size_t p = 0; p < 9; ++p) CHECK(confusion[t + 1][p + 1] == scores.at("confusion")[t][p].dump());
  CHECK(fs::exists(w / "run/evaluate-test/overlays/best_1.png"));
  CHECK(w.read("run/evaluate-test/report.html").find("test images") != std::string::npos);
  CHECK(w.lamina("evaluate run data --split train --out elsewhere --overlay error --quiet").code == 0);
  CHECK(w.read("elsewhere/report.html").find("trained on these images") != std::string::npos);
  check_error(w.lamina("evaluate run data --out data/images/x"), 2, {"--out"});
  CHECK(w.lamina("evaluate run/weights/last.safetensors data --quiet").code == 0);  // a file has no folder
  CHECK_FALSE(fs::exists(w / "run/evaluate-val"));
  check_error(w.lamina("evaluate run/weights/last.safetensors data --out x"), 2, {"needs a run folder"});
}

TEST_CASE("predict takes patterns and lists, and says how fast it was") {
  const Workshop w;
  CHECK(w.lamina("train data --out run --quiet" + kSmall).code == 0);
  const auto images = [&](const std::string& what) {
    const Result r = w.lamina("predict run " + what + " --out p --json");
    CHECK_MESSAGE(r.code == 0, r.err);
    Words names;
    for (const json& one : json::parse(r.out)) names.push_back(fs::path(one.at("image").get<std::string>()).stem().string());
    CHECK_MESSAGE(r.err.find(" images/s") != std::string::npos, r.err);
    return names;
  };
  CHECK(images("data/images/skin_000[13].png") == Words{"skin_0001", "skin_0003"});
  CHECK(images("data/images/*5.png data/images/skin_0002.png") == Words{"skin_0005", "skin_0002"});
  io::write_file_atomically(w / "data/some.txt", "# two\nimages/skin_0004.png\r\n\n" + (w / "data/images/skin_0000.png").string() + "\n");
  CHECK(images("data/some.txt") == Words{"skin_0004", "skin_0000"});
  check_error(w.lamina("predict run data/*.tiff --out p"), 3, {"data/*.tiff", "no file fits"});
  io::write_file_atomically(w / "empty.txt", "\n");
  check_error(w.lamina("predict run empty.txt --out p"), 3, {"names no photograph"});
  io::write_file_atomically(w / "wrong.txt", "data/images/skin_0001.png\n\nnone.png\n");
  check_error(w.lamina("predict run wrong.txt --out p"), 3, {"wrong.txt line 3", "no none.png"});
  check_error(w.lamina("predict run data/images --out p --grade area"), 2, {"--grade area", "no grades"});

  const std::string one = "predict run data/images/skin_0001.png --quiet ";
  CHECK(w.lamina(one + "--out fill").code == 0);
  CHECK(w.lamina(one + "--out outline --overlay outline").code == 0);
  CHECK(w.lamina(one + "--out error --overlay error --masks data/masks").code == 0);
  std::set<std::string> pictures;
  for (const char* style : {"fill", "outline", "error"}) pictures.insert(w.read(std::string(style) + "/overlays/skin_0001.png"));
  CHECK(pictures.size() == 3);
  check_error(w.lamina(one + "--out x --overlay error"), 2, {"--masks"});
  check_error(w.lamina(one + "--out x --masks data/masks"), 2, {"--overlay error"});
  check_error(w.lamina(one + "--out x --overlay error --masks run/weights"), 3, {"has no mask run/weights/skin_0001.*"});
  check_error(w.lamina(one + "--out x --overlay dots"), 2, {"fill, outline, error"});
}

TEST_CASE("the commands of next_steps.txt work as they stand, wherever the program is, in any folder") {
  const Workshop w;
  CHECK(w.lamina("check data").out.find("\n  lamina train data") != std::string::npos);  // here it is on the PATH
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", path.substr(path.find(':') + 1).c_str(), 1);
  CHECK(w.lamina("train data --out run --quiet" + kSmall).code == 0);
  int commands = 0;
  for (const std::string& line : lines(w / "run/next_steps.txt"))
    if (!line.starts_with('#')) {
      const Result r = shell(w, "cd / && " + line);
      CHECK_MESSAGE(r.code == 0, line << ": " << r.err);
      ++commands;
    }
  ::setenv("PATH", path.c_str(), 1);
  CHECK(commands == 3);
}
