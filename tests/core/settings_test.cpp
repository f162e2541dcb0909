#include "lamina/core/settings.hpp"

#include "lamina/core/scalars.hpp"
#include "lamina/core/text.hpp"
#include "support/op_check.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {
struct Knobs {
  std::string name = "plain";
  int width = 4, height = 3, count = 7;
  double rate = 0.5;
  std::uint64_t seed = 1;
  bool on = false;
  int threads = 2;
};
template <class Visit>
void describe(Knobs& k, Visit&& visit) {
  visit(Field{"name", "what it is called"}, k.name);
  visit(Field{"size", "W[xH]", 1}, Extent{k.width, k.height});
  visit(Field{"the_count", "how many", 1, 9}, k.count);
  visit(Field{"rate", "how fast", kPositive}, k.rate);
  visit(Field{"seed", "of everything"}, k.seed);
  visit(Field{"on", "is it"}, k.on);
  visit(Field{.name = "threads", .help = "no part of the result", .stored = false}, k.threads);
}

Knobs read(const std::string& text) {
  Knobs k;
  int format = 0;
  assign_settings(k, settings_from_json(text, "no knobs", 3, format), "no knobs");
  return k;
}
}  // namespace

TEST_CASE("described settings: written, read back, missing ones have their defaults") {
  const Knobs k{
      .name = "a \"b\"", .width = 64, .height = 48, .count = 2, .rate = 1e-3, .seed = ~std::uint64_t{0}, .on = true, .threads = 9};
  const std::string text = settings_to_json(settings_of(k), 3);
  CHECK(text.find("\"format\": 3") != std::string::npos);
  CHECK(text.find("\"size\": \"64x48\"") != std::string::npos);
  CHECK(text.find("threads") == std::string::npos);
  CHECK(settings_of(read(text)) == settings_of(k));
  CHECK(read(text).threads == 2);
  CHECK(settings_of(read("{\"the_count\": 9, \"rate\": 2}")) == settings_of(Knobs{.count = 9, .rate = 2}));
  CHECK(differences(settings_of(k), settings_of(k)).empty());
  CHECK(differences(settings_of(Knobs{}), settings_of(Knobs{.height = 5, .rate = 0.25})) ==
        "size: \"4x3\" here, \"4x5\" there; rate: 0.5 here, 0.25 there");
}

TEST_CASE("described settings: what is no such file is told with the field") {
  check_throws<DataError>([] { read("[1]"); }, {"no knobs", "not a JSON object"});
  check_throws<DataError>([] { read("{\"format\": 4}"); }, {"no knobs", "format 4", "up to 3"});
  check_throws<DataError>([] { read("{\"rat\": 4}"); }, {"no knobs", "\"rat\"", "did you mean \"rate\""});
  check_throws<DataError>([] { read("{\"threads\": 4}"); }, {"\"threads\""});
  check_throws<DataError>([] { read("{\"rate\": \"fast\"}"); }, {"\"rate\"", "\"fast\"", "a number"});
  check_throws<DataError>([] { read("{\"the_count\": 1.5}"); }, {"\"the_count\"", "1.5", "whole number"});
  check_throws<DataError>([] { read("{\"the_count\": 3000000000}"); }, {"\"the_count\"", "3000000000"});
  check_throws<DataError>([] { read("{\"seed\": -1}"); }, {"\"seed\"", "-1"});
  check_throws<DataError>([] { read("{\"on\": 1}"); }, {"\"on\"", "true or false"});
  check_throws<DataError>([] { read("{\"name\": null}"); }, {"\"name\"", "neither a number nor a text"});
  check_throws<OptionError>([] { read("{\"size\": \"4by3\"}"); }, {"4by3", "320x240"});
}

TEST_CASE("described settings: ranges name the option") {
  require_ranges(Knobs{});
  check_throws<OptionError>([] { require_ranges(Knobs{.count = 0}); }, {"--the-count 0 must be at least 1"});
  check_throws<OptionError>([] { require_ranges(Knobs{.count = 10}); }, {"--the-count 10 must be at most 9"});
  check_throws<OptionError>([] { require_ranges(Knobs{.rate = 0}); }, {"--rate 0 must be positive"});
  check_throws<OptionError>([] { require_ranges(Knobs{.rate = std::nan("")}); }, {"--rate", "not a number"});
  check_throws<OptionError>([] { require_ranges(Knobs{.rate = std::numeric_limits<double>::infinity()}); }, {"--rate inf must be finite"});
  check_throws<OptionError>([] { require_ranges(Knobs{.height = 0}); }, {"--size 0"});
}

TEST_CASE("scalars keep their order, add by name") {
  Scalars s{{"loss", 1}, {"ce", 2}};
  s.add({{"ce", 10}, {"dice", 4}}, 0.5);
  CHECK(s == Scalars{{"loss", 1}, {"ce", 7}, {"dice", 2}});
  CHECK(s.divided_by(2) == Scalars{{"loss", 0.5}, {"ce", 3.5}, {"dice", 1}});
  CHECK(s.find("none") == nullptr);
  check_throws<OptionError>([&] { s.at("none"); }, {"\"none\""});
}

TEST_CASE("columns of a terminal: wide characters take two, marks none; tables are padded by them") {
  CHECK(display_width("skin") == 4);
  CHECK(display_width("\u043a\u043e\u0436\u0430") == 4);
  CHECK(display_width("\u76ae\u819a") == 4);
  CHECK(display_width("e\u0301\xff") == 2);
  CHECK(padded("\u76ae", 4) == "\u76ae  ");
  CHECK(padded("skin", 2) == "skin");
  CHECK(shortened("\u76ae\u819a\u76ae", 5) == "\u76ae..");
  CHECK(shortened("skin", 4) == "skin");
  CHECK(wrapped("a 1  b 2  c 3", 8, 2, "  ") == "a 1  b 2\n  c 3");
  CHECK(wrapped("\u043a\u043e \u0436\u0430", 5, 0) == "\u043a\u043e \u0436\u0430");
  CHECK(brief(0.12345) == "0.1235");
  CHECK(brief(-3.4e15) == "-3.40e+15");
}

TEST_CASE("text for other programs: bytes that are no UTF-8 are spelt out, those that are stay") {
  const std::string good = "a\u00e9\u76ae\U0001f600";
  CHECK(valid_utf8(good) == good);
  for (const auto& [bytes, text] : {std::pair("\xff.png", "\\xff.png"),
                                    {"\xc0\x80", "\\xc0\\x80"},
                                    {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
                                    {"caf\xe9", "caf\\xe9"},
                                    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}})
    CHECK(valid_utf8(bytes) == text);
}
