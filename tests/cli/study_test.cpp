// lamina study, as a person types it, and as it is killed.
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;

TEST_CASE("study: the smoke preset says what it costs, gives one table, and is refused when its data changed") {
  const Workshop w(12);
  const std::string study = "study data --preset smoke --size-of-nothing";
  check_error(w.lamina(study), 2, {"unknown option --size-of-nothing"});
  const Result plan = w.lamina("study data --preset smoke --out s --plan --json");
  REQUIRE_MESSAGE(plan.code == 0, plan.err);
  CHECK(nlohmann::json::parse(plan.out).at("segmentations") == 8);
  CHECK_FALSE(std::filesystem::exists(w / "s"));
  check_error(w.lamina("study data --preset smoke --layers 2"), 2, {"unknown option --layers"});
  const std::string help = w.lamina("study --help").out;
  for (const char* option : {"--last-kernel", "--aux"}) CHECK_MESSAGE(help.find(option) == std::string::npos, option);
  check_error(w.lamina("study data --preset smoke --aux yes"), 2, {"unknown option --aux"});
  check_error(w.lamina("colorize train data --aux yes"), 2, {"unknown option --aux"});
  const Result words = w.lamina("study data --preset smoke --size 48x32 --out s --plan");
  CHECK(words.code == 0);
  CHECK(words.out.find(" to go") != std::string::npos);
  CHECK(words.err.find(" to go") == std::string::npos);
  CHECK(w.lamina("train data --out other --quiet" + kSmall).code == 0);
  check_error(w.lamina("study data --preset smoke --out s --plan --pretrained other"), 3, {"--model unet --preset bn --base 2 --depth 2"});
  check_error(w.lamina("study data --preset smoke --out s --plan --pretrained w.pth"), 3, {"w.pth"});
  const Result first = w.lamina("study data --preset smoke --out s --json");
  REQUIRE_MESSAGE(first.code == 0, first.err);
  const auto table = nlohmann::json::parse(first.out);
  CHECK(table.size() == 16);  // four scores, two shares, two arms
  for (const char* words : {"data: a data set of", "scored on the test list, 2 images", "reconstruction_weight", "to go",
                            "\"pretrained\" is skipped", "seed 1, colorization: Dice"})
    CHECK_MESSAGE(first.err.find(words) != std::string::npos, words);
  const std::string before = w.read("s/table.csv");
  CHECK(w.lamina("study data --preset smoke --out s").code == 0);
  CHECK(w.read("s/table.csv") == before);
  check_error(w.lamina("study data --preset smoke --out s --lr 0.5"), 2, {"other settings", "lr"});
  std::filesystem::rename(w / "data/train.txt", w / "data/old.txt");
  io::write_file_atomically(w / "data/train.txt", w.read("data/old.txt").substr(w.read("data/old.txt").find('\n') + 1));
  check_error(w.lamina("study data --preset smoke --out s"), 3, {"changed"});
  CHECK(w.read("s/table.csv") == before);
}

TEST_CASE("a study killed at any moment goes on and ends with the tables of one never killed") {
  const Workshop w(12);
  const std::string study =
      "study data --preset smoke --base 2 --depth 1 --size 16 --batch 2 --pretrain-steps 12 --steps 3 --discriminator patchgan "
      "--discriminator-base 2 --discriminator-layers 1 --fractions 0.5:1,1:1 --out ";
  CHECK(w.lamina(study + "whole").code == 0);
  // As soon as a file is there, so that something else is being done or written.
  const char* const moments[] = {"study.json",
                                 "colorization_0/weights/last.safetensors",
                                 "colorization_0/report.html",
                                 "runs/50pct_seed0_scratch/weights/last.safetensors",
                                 "runs/50pct_seed0_scratch/score.json",
                                 "runs/50pct_seed0_colorization/log.txt",
                                 "runs/100pct_seed0_scratch/score.json"};
  int killed = 0;
  for (const char* file : moments) {
    Program program(lamina_program(), split(study + "killed"), w.path());
    for (int i = 0; i < 20000 && !std::filesystem::exists(w / "killed" / file); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    program.signal(SIGKILL);
    killed += program.wait().code == 128 + SIGKILL;
  }
  CHECK(killed >= 5);  // others had ended before
  const Result last = w.lamina(study + "killed");
  REQUIRE_MESSAGE(last.code == 0, last.err);
  for (const std::string table : {"runs.csv", "table.csv", "table.json"})
    CHECK_MESSAGE(w.read("whole/" + table) == w.read("killed/" + table), table);
}
