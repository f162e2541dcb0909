// The program when it fails or is stopped, and what it shows meanwhile.
#include <random>

#include "support/op_check.hpp"
#include "support/sanitized.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;
using nlohmann::json;
namespace fs = std::filesystem;

TEST_CASE("an existing run folder: other settings, --resume never, damaged checkpoints") {
  const Workshop w;
  const std::string train = "train data --out run" + kSmall;
  CHECK(w.lamina(train).code == 0);
  const std::string whole = w.read("run/weights/last.safetensors");
  check_error(w.lamina(train + " --batch 3"), 2, {});  // given twice
  check_error(w.lamina(train + " --seed 4"), 2, {"seed: 4 here, 0 there", "choose another --out"});
  check_error(w.lamina(train + " --resume never"), 2, {"holds a run already"});
  check_error(w.lamina(train), 0, {"finished"});
  check_error(w.lamina("train ./data/ --out run" + kSmall), 0, {"finished"});
  damage(w / "run/weights/last.safetensors");
  check_error(w.lamina(train), 0, {"warning", "last.safetensors", "continuing from run/weights/prev.safetensors"});
  CHECK(w.read("run/weights/last.safetensors") == whole);
  truncate_file(w / "run/weights/last.safetensors");
  damage(w / "run/weights/prev.safetensors");
  check_error(w.lamina(train), 3, {"no usable checkpoint", "last.safetensors", "prev.safetensors"});
  check_error(w.lamina("evaluate run data --weights prev"), 3, {"prev.safetensors"});
}

TEST_CASE("numbers that are not finite: exit code 4, no checkpoint is replaced") {
  const Workshop w;
  check_error(w.lamina("train data --out run --base 2 --depth 2 --size 32 --batch 2 --optimizer sgd --schedule constant --lr 1e30"), 4,
              {"loss is", "--lr"});
  CHECK_FALSE(fs::exists(w / "run/weights/last.safetensors"));
  // The likely cause is what is read first: weights that are not finite when they are saved, too.
  for (const char* lr : {"1e30", "1e20"}) {
    const Result r = w.lamina("train data --out again --base 2 --depth 2 --size 32 --batch 2 --quiet --lr " + std::string(lr));
    CHECK(r.code == 4);
    CHECK(r.err.starts_with("lamina: the learning rate"));
    CHECK(r.err.find("Try a smaller --lr") != std::string::npos);
  }
}

TEST_CASE("out of memory: exit code 5 before the first step, with a size or a batch that then fits" * doctest::skip(kSanitized)) {
  const Workshop w;
  const Limits limits{.memory = rlim_t{1} << 30};
  const auto what_fits = [&](const std::string& settings, const Words& words) {
    const Result r = w.lamina("train data --out run --base 16 --depth 2 --threads 1 " + settings, limits);
    check_error(r, 5, words);
    CHECK_FALSE(fs::exists(w / "run/weights/last.safetensors"));
    const std::size_t begin = r.err.find("--batch");
    return begin == std::string::npos ? "" : r.err.substr(begin, r.err.find(" fits") - begin);
  };
  const std::string size = what_fits("--size 2048 --batch 4", {"training on 4 images of 2048x2048 at once takes about",
                                                               " GB of the limit of its address space (ulimit -v)"});
  REQUIRE(size.find("--batch 1 --size") == 0);
  CHECK(w.lamina("train data --out small --base 16 --depth 2 --threads 1 --steps 1 " + size, limits).code == 0);
  CHECK(what_fits("--size 256 --batch 64", {"--accumulate"}).find("--batch") == 0);
}

TEST_CASE("a full disk: exit code 6, the checkpoint before it intact, no litter, and the same command goes on") {
  const Workshop w;
  const std::string train = "train data --base 2 --depth 2 --size 32 --batch 2 --lr 1e-2 --epochs 6";
  CHECK(w.lamina(train + " --out whole").code == 0);
  const auto room =
      static_cast<rlim_t>(fs::file_size(w / "whole/weights/last.safetensors"));  // earlier ones are smaller: their history is shorter
  bool between = false;
  for (const rlim_t less : {rlim_t{200}, rlim_t{2000}, room / 2}) {
    const std::string out = "run" + std::to_string(less);
    check_error(w.lamina(train + " --out " + out, {.file_size = room - less}), 6, {"cannot write", "File too large"});
    std::size_t litter = 0;
    for (const auto& entry : fs::recursive_directory_iterator(w / out)) litter += entry.path().filename().string().starts_with(".lamina-");
    CHECK(litter == 0);
    if (fs::exists(w / out / "weights/last.safetensors")) {
      between = true;
      CHECK(w.lamina("evaluate " + out + " data --weights last --out scored").code == 0);
    }
    CHECK(w.lamina(train + " --out " + out).code == 0);
    check_same_run(w / "whole", w / out);
  }
  CHECK(between);
}

TEST_CASE("a run killed at random moments and started again ends byte-identical") {
  const Workshop w(16);
  const Words train = split("train data --base 2 --depth 2 --size 32 --batch 1 --lr 1e-2 --epochs 5 --out");
  auto command = [&](const std::string& out) {
    Words words = train;
    words.push_back(out);
    return words;
  };
  const auto start = std::chrono::steady_clock::now();
  CHECK(Program(lamina_program(), command("whole"), w.path()).wait().code == 0);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  constexpr unsigned kSeed = 7;
  MESSAGE("seed " << kSeed << ", one run takes " << seconds << " s");
  std::mt19937 random(kSeed);
  int killed = 0;
  for (int run = 0; run < 3; ++run) {
    const std::string out = "run" + std::to_string(run);
    for (int kill = 0; kill < 4; ++kill) {
      Program program(lamina_program(), command(out), w.path());
      const double after = std::uniform_real_distribution<>(0, 0.5)(random) * seconds * (kill > 0);
      std::this_thread::sleep_for(std::chrono::duration<double>(after));
      program.signal(SIGKILL);
      killed += program.wait().code == 128 + SIGKILL;
    }
    const Result last = Program(lamina_program(), command(out), w.path()).wait();
    CHECK_MESSAGE(last.code == 0, last.err);
    check_same_run(w / "whole", w / out);
  }
  MESSAGE(killed << " of 12 were killed while they ran");
  CHECK(killed >= 4);
}

TEST_CASE("an interrupt saves, exits with 130, and the same command completes the run") {
  const Workshop w(16);
  const std::string train = "train data --base 2 --depth 2 --size 32 --batch 1 --lr 1e-2 --epochs 20 --out ";
  CHECK(w.lamina(train + "whole").code == 0);
  int interrupted = 0;
  for (const int signal : {SIGINT, SIGTERM, SIGINT}) {
    const auto before = fs::exists(w / "run/log.txt") ? w.read("run/log.txt").size() : 0;
    Program program(lamina_program(), split(train + "run"), w.path());
    for (int i = 0; i < 1000; ++i) {  // until an epoch is over
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      if (fs::exists(w / "run/log.txt") && w.read("run/log.txt").find("  loss ", before) != std::string::npos) break;
    }
    program.signal(signal);
    const Result r = program.wait();
    if (r.code == 0) break;  // it was done before
    check_error(r, 130, {"interrupted after step", "the same command resumes"});
    ++interrupted;
    CHECK(w.lamina("evaluate run data --weights last --out scored").code == 0);
  }
  CHECK(interrupted >= 1);
  CHECK(w.lamina(train + "run").code == 0);
  check_same_run(w / "whole", w / "run");
}

TEST_CASE("the progress line: redrawn on a terminal and gone at the end, a plain line now and then in a pipe") {
  const auto is_progress = [](const std::string& line) { return line.starts_with("epoch ") && line.find(" [") != std::string::npos; };
  // Without the rate, which varies.
  const auto stable = [](const std::string& line) { return line.starts_with("epoch ") ? line.substr(0, line.rfind("  ")) : line; };
  const std::string train = "train data --out run" + kSmall;

  const Workshop piped;
  const auto start = std::chrono::steady_clock::now();
  const Result in_pipe = piped.lamina(train, {}, ErrorStream::pipe);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  CHECK(in_pipe.code == 0);
  CHECK(in_pipe.err.find_first_of("\r\x1b") == std::string::npos);
  Words notes;
  int shown = 0;
  bool goes_on = false;  // below a progress line of more than 100 columns
  for (const std::string& line : fields(in_pipe.err, '\n')) {
    shown += is_progress(line);
    goes_on = is_progress(line) || (goes_on && line.starts_with("  "));
    if (!goes_on) notes.push_back(stable(line));
  }
  CHECK(shown >= 1);
  CHECK(shown <= 1 + static_cast<int>(seconds / 10));

  const Workshop watched;
  ::setenv("NO_COLOR", "1", 1);
  const Result on_terminal = watched.lamina(train, {}, ErrorStream::terminal);
  ::unsetenv("NO_COLOR");
  CHECK(on_terminal.code == 0);
  Words screen{""}, erased;
  std::string line;
  for (std::size_t i = 0; i < on_terminal.err.size(); ++i) {  // what a terminal does with the bytes
    const std::string rest = on_terminal.err.substr(i, 5);
    if (rest == "\r\x1b[2K") {
      erased.push_back(std::exchange(line, ""));
      i += 4;
    } else if (rest.starts_with("\r\n")) {
      screen.back() = stable(std::exchange(line, ""));
      screen.emplace_back();
      ++i;
    } else {
      line += rest[0];
    }
  }
  CHECK(line.empty());
  screen.pop_back();
  const auto words = [](const Words& lines) {  // notes are wrapped on a terminal
    std::string text;
    for (const std::string& l : lines) text += l + ' ';
    Words all = split(text);
    std::erase(all, "");
    return all;
  };
  CHECK(words(screen) == words(notes));
  CHECK(erased.size() >= 1);
  for (const std::string& drawn : erased) {
    CHECK_MESSAGE(is_progress(drawn), drawn);
    CHECK(drawn.size() < kTerminalColumns);
  }
  CHECK(watched.lamina(train + " --quiet", {}, ErrorStream::terminal).err.empty());

  // A name is not cut within a character.
  std::string umlauts;
  for (int i = 0; i < 60; ++i) umlauts += "\xc3\xa4";
  for (const std::string& name : {umlauts, "x" + umlauts}) {
    fs::copy(watched / "data/images/skin_0000.png", watched / (name + ".png"));
    const std::string text = watched.lamina("predict run " + name + ".png --out p", {}, ErrorStream::terminal).err;
    REQUIRE(text.find("\xc3\xa4") != std::string::npos);
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text[i] == '\xc3') CHECK((i + 1 < text.size() && text[i + 1] == '\xa4'));
  }
}
