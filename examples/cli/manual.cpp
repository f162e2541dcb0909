// lamina completion: from the descriptions of the options, which --help shows, too.
#include "manual.hpp"

#include <algorithm>
#include <cstdio>

#include "help.hpp"
#include "lamina/config.hpp"
#include "verbs.hpp"

namespace cli {
namespace {

bool is_option(const OptionText& o) { return o.name.starts_with("--"); }

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

/// As one word of a shell; fish has its own way with a quote.
std::string shell_quoted(const std::string& text, bool fish = false) {
  return "'" + (fish ? replaced(replaced(text, "\\", "\\\\"), "'", "\\'") : replaced(text, "'", "'\\''")) + "'";
}

std::string words_of(const OptionText& o) {
  std::string words;
  for (const auto& [name, help] : o.choices) words += (words.empty() ? "" : " ") + name;
  return words;
}

/// "train", or below another: "predict" of "colorize predict".
std::string last_word(const std::string& name) { return name.substr(name.rfind(' ') + 1); }
std::string first_word(const std::string& name) { return name.substr(0, name.find(' ')); }

/// The verbs directly below `above`.
std::vector<const VerbText*> below(const std::vector<VerbText>& verbs, const std::string& above) {
  std::vector<const VerbText*> found;
  for (const VerbText& v : verbs)
    if (!v.name.empty() && (above.empty() ? v.name.find(' ') == std::string::npos : v.name.starts_with(above + " "))) found.push_back(&v);
  return found;
}

/// A verb's options, and those that every verb has.
std::vector<OptionText> options_of(const VerbText& v, const std::vector<VerbText>& verbs) {
  std::vector<OptionText> all = v.options;
  if (&v != &verbs[0]) all.insert(all.end(), verbs[0].options.begin(), verbs[0].options.end());
  return all;
}

std::string bash(const std::vector<VerbText>& verbs) {
  std::string text =
      "# bash completion of lamina\n_lamina() {\n  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  local verb= word options=\n  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n    case \"${verb:+$verb }$word\" in\n     ";
  std::string names, cases;
  for (const VerbText& v : verbs) {
    if (!v.name.empty()) names += (names.empty() ? " " : " | ") + shell_quoted(v.name);
    std::string options, values, next;
    for (const VerbText* n : below(verbs, v.name)) next += " " + last_word(n->name);
    for (const OptionText& o : options_of(v, verbs)) {
      if (is_option(o)) options += " " + o.name;
      if (is_option(o) && !o.choices.empty())
        values += "        " + o.name + ") COMPREPLY=($(compgen -W " + shell_quoted(words_of(o)) + " -- \"$cur\")); return ;;\n";
      if (!is_option(o) && !o.choices.empty()) next += " " + words_of(o);
    }
    cases += "    " + shell_quoted(v.name) + ")\n";
    if (!values.empty()) cases += "      case $prev in\n" + values + "      esac\n";
    cases += "      options=" + shell_quoted(options) + "; words=" + shell_quoted(next) + " ;;\n";
  }
  return text + names + ") verb=${verb:+$verb }$word ;;\n    esac\n  done\n  local words=\n  COMPREPLY=()\n  case $verb in\n" + cases +
         "  esac\n  [[ $cur == -* ]] && words=$options\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
         "complete -o default -F _lamina lamina\n";
}

std::string zsh(const std::vector<VerbText>& verbs) {
  const auto safe = [](std::string text) {
    for (const char* c : {"\\", "[", "]", ":"}) text = replaced(text, c, std::string("\\") + c);
    return text;
  };
  std::string text =
      "#compdef lamina\n# zsh completion of lamina\n_lamina() {\n  local -a list\n  local verb=$words[2]\n"
      "  [[ $verb == colorize && CURRENT -gt 3 ]] && verb=\"colorize $words[3]\"\n  (( CURRENT == 2 )) && verb=\n  case $verb in\n";
  for (const VerbText& v : verbs) {
    text += "    " + shell_quoted(v.name) + ")\n";
    if (const auto next = below(verbs, v.name); !next.empty()) {
      text += "      list=(";
      for (const VerbText* n : next) text += "\n        " + shell_quoted(safe(last_word(n->name)) + ":" + safe(n->help));
      text += ")\n      _describe verb list\n";
    }
    text += "      _arguments";
    for (const OptionText& o : options_of(v, verbs))
      if (is_option(o))
        text += " \\\n        " +
                shell_quoted(o.name + "[" + safe(o.help) + "]" +
                             (o.value.empty() ? "" : ":" + safe(o.value) + ":" + (o.choices.empty() ? "_files" : "(" + words_of(o) + ")")));
    text += " \\\n        '*: :_files' ;;\n";
  }
  return text + "  esac\n}\n_lamina \"$@\"\n";
}

std::string fish(const std::vector<VerbText>& verbs) {
  std::string text = "# fish completion of lamina\n";
  for (const VerbText& v : verbs) {
    const std::string first = first_word(v.name), last = last_word(v.name);
    std::string when = v.name.empty() ? "__fish_use_subcommand" : "__fish_seen_subcommand_from " + first;
    if (first != last) when += "; and __fish_seen_subcommand_from " + last;
    for (const VerbText* n : below(verbs, v.name))
      text +=
          "complete -c lamina -n " + shell_quoted(when, true) + " -a " + last_word(n->name) + " -d " + shell_quoted(n->help, true) + "\n";
    for (const OptionText& o : v.options) {
      if (!is_option(o) && o.choices.empty()) continue;
      text += "complete -c lamina" + (v.name.empty() ? std::string() : " -n " + shell_quoted(when, true));
      if (is_option(o)) text += " -l " + o.name.substr(2);
      if (!o.choices.empty()) text += " -x -a " + shell_quoted(words_of(o), true);
      if (o.choices.empty() && !o.value.empty()) text += " -r";
      text += " -d " + shell_quoted(o.help, true) + "\n";
    }
  }
  return text;
}

std::string man(const std::vector<VerbText>& verbs) {
  const auto safe = [](const std::string& text) {
    const std::string escaped = replaced(replaced(text, "\\", "\\e"), "-", "\\-");
    return escaped.starts_with('.') || escaped.starts_with('\'') ? "\\&" + escaped : escaped;
  };
  std::string text = std::string(".TH LAMINA 1 \"\" \"lamina ") + LAMINA_VERSION + "\" \"\"\n.SH NAME\nlamina \\- " + safe(verbs[0].help) +
                     "\n.SH SYNOPSIS\n.B lamina\n.I VERB\n[options]\n";
  for (const VerbText& v : verbs) {
    if (v.name.empty()) {
      text += ".SH OPTIONS OF EVERY VERB\n";
    } else {
      if (&v == &verbs[1]) text += ".SH VERBS\n";
      text += ".SS lamina " + v.name;
      for (const OptionText& o : v.options)
        if (!is_option(o)) text += " " + (o.required ? o.name : "[" + o.name + "]");
      text += "\n" + safe(v.help) + "\n";
    }
    for (const OptionText& o : v.options) {
      text += ".TP\n\\fB" + safe(o.name) + "\\fR" + (o.value.empty() || !is_option(o) ? "" : " \\fI" + safe(o.value) + "\\fR") + "\n" +
              safe(o.help) + "\n";
      if (!o.standard.empty()) text += "(default: " + safe(o.standard) + ")\n";
      for (const auto& [name, help] : o.choices) text += ".br\n\\fB" + safe(name) + "\\fR: " + safe(help) + "\n";
    }
  }
  constexpr std::pair<const char*, const char*> kCodes[] = {{"0", "done"},
                                                            {"1", "failed"},
                                                            {"2", "wrong usage"},
                                                            {"3", "bad data"},
                                                            {"4", "loss or weights not finite"},
                                                            {"5", "out of memory"},
                                                            {"6", "disk"},
                                                            {"7", "stopped by a sentinel, state saved"},
                                                            {"130", "interrupted, state saved"}};
  text += ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : kCodes) text += std::string(".TP\n.B ") + code + "\n" + meaning + "\n";
  return text;
}

/// The script that completes command lines in "bash", "zsh" or "fish", or the page for "man".
std::string manual(const std::string& form, const std::vector<VerbText>& verbs) {
  return form == "bash" ? bash(verbs) : form == "zsh" ? zsh(verbs) : form == "fish" ? fish(verbs) : man(verbs);
}

}  // namespace

Verb completion_verb() {
  const auto form = std::make_shared<std::string>();
  Verb verb{"completion", "print completions for a shell, or the man page",
            [form](const Common& common) { return std::fputs(manual(*form, *common.texts).c_str(), stdout), kOk; }};
  verb.add({.name = "FORM", .value = form.get(), .help = "what to print", .required = true, .choices = kFormChoices});
  return verb;
}

}  // namespace cli
