// What --help says of what is registered.
#include "lamina/losses/term.hpp"
#include "support/workshop.hpp"

using namespace lamina;
using namespace lamina::test;

namespace {

/// What --help says of an argument of a loss term: at the end of what it says of the term.
std::string of_term(const std::string& help, const std::string& term, const std::string& argument) {
  const std::size_t begin = help.find("  " + term + ": ");
  std::size_t end = help.size();
  for (const losses::TermType& other : losses::term_types())
    if (const std::size_t at = help.find("  " + other.name + ": ", begin + 1); at != std::string::npos) end = std::min(end, at);
  const std::size_t at = help.substr(0, end).rfind(argument + "=");
  return at == std::string::npos ? "" : help.substr(at + argument.size() + 1, 24);
}

}  // namespace

TEST_CASE("the help of loss terms has their arguments as they are, not rounded") {
  const std::string train = Workshop(1).lamina("train --help").out;
  for (const losses::TermType& term : losses::term_types())
    for (const losses::TermArgument& a : term.arguments) {
      const std::string said = of_term(train, term.name, a.name);
      CHECK_MESSAGE(std::strtod(said.c_str(), nullptr) == a.value, term.name, std::string(" ") + a.name, "=", said);
    }
}
