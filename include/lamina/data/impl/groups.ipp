#include "lamina/data/impl/groups.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "lamina/core/random.hpp"
#include "lamina/core/text.hpp"
#include "lamina/data/impl/survey.hpp"
#include "lamina/io/file.hpp"

namespace lamina::data::detail {
namespace fs = std::filesystem;

Groups::Groups(const fs::path& root, const Files& images, std::vector<Finding>& findings) {
  const fs::path path = root / "groups.txt";
  if (!fs::exists(path)) return;
  const std::string text = io::read_text(path, 64 << 20);
  const auto is_photo = [&](const std::string& name) {
    return images.contains(composed(name)) || images.contains(composed(fs::path(name).stem().string()));
  };
  FileFaults unknown;
  each_line(text, [&](const std::string& line, int number) {
    const auto error = [&](const std::string& what) { findings.push_back({true, message(path.string(), " line ", number, ": ", what)}); };
    const auto cuts = cuts_of(line);
    if (cuts.empty() && !names_columns(line, number))
      return error("'" + line + "' names a photograph without a group, which follows after a space, tab or comma");
    std::string given, name, group;
    for (const auto& [before, rest] : cuts) {  // the longest name that is a photograph's
      const std::string whole = composed(before), stem = composed(fs::path(before).stem().string());
      if (name.empty()) given = before;
      if (images.contains(whole) || images.contains(stem))
        given = before, name = images.contains(whole) ? whole : stem,
        group = rest.substr(std::min(rest.find_first_not_of(",; \t"), rest.size()));
    }
    if (name.empty() && names_columns(line, number)) return;
    if (name.empty()) {
      const bool exchanged = std::any_of(cuts.begin(), cuts.end(), [&](const auto& cut) { return is_photo(cut.second); });
      unknown.add(line, message(path.string(), " line ", number, ": '", given, "' is no photograph of the data set",
                                exchanged ? "; the columns are exchanged: a line is NAME GROUP, the photograph first" : ""));
    } else if (const auto [it, added] = group_.emplace(name, group); !added && it->second != group)
      error("'" + given + "' belongs to '" + it->second + "' by a line before, and here to '" + group + "'");
  });
  unknown.tell(findings, "correct the names, or take the lines out");
}

std::string Groups::of(const std::string& name) const {
  const auto it = group_.find(composed(name));
  return it == group_.end() ? std::string() : it->second;
}

void Groups::tell(DatasetFiles& files) const {
  std::map<std::string, std::set<Split>> splits;
  for (const Split split : kSplits)
    for (Item& item : files.splits[static_cast<int>(split)])
      if (item.group = of(item.name); !item.group.empty()) splits[item.group].insert(split);
  std::vector<std::string> alone;
  for (const Item& item : files.all_items())
    if (item.group.empty()) alone.push_back(item.name);
  if (!group_.empty() && !alone.empty())
    files.findings.push_back({false, message(counted(std::ssize(alone), "photograph is", "photographs are"),
                                             " in no group of groups.txt, and each is taken to be of nobody else's: ", examples(alone),
                                             "; add a line NAME GROUP for each that belongs to others")});
  for (const auto& [group, where] : splits)
    if (where.size() > 1)
      files.findings.push_back({false,
                                message("the photographs of the group '", group, "' (groups.txt) are in ", name_of(*where.begin()), " and ",
                                        name_of(*where.rbegin()), ": scores on ", name_of(*where.rbegin()), " would be too good"),
                                true});
}

void split_by_seed(std::vector<Item> items, const Groups& groups, std::uint64_t seed, double validation_share, DatasetFiles& files) {
  struct Place {
    std::uint64_t number;
    std::string key;
    Item item;
  };
  std::vector<Place> order;
  for (Item& item : items) {
    const std::string group = groups.of(item.name), key = group.empty() ? item.name : group;
    const Philox p = RandomKey{seed, io::crc32c("split")}.derive(io::crc32c(key)).block(io::crc32c(key, 1));
    order.push_back({(std::uint64_t{p.v[0]} << 32) | p.v[1], group.empty() ? item.name : "group " + group, std::move(item)});
  }
  std::sort(order.begin(), order.end(),
            [](const Place& a, const Place& b) { return std::tie(a.number, a.key, a.item.name) < std::tie(b.number, b.key, b.item.name); });
  std::size_t validation = static_cast<std::size_t>(validation_share * static_cast<double>(order.size()) + 0.5);
  if (validation_share > 0 && order.size() >= 2) validation = std::clamp<std::size_t>(validation, 1, order.size() - 1);
  const auto cuts_a_group = [&](std::size_t at) { return at > 0 && at < order.size() && order[at - 1].key == order[at].key; };
  std::size_t at = validation;
  while (cuts_a_group(at)) ++at;
  if (at == order.size() && at > validation)  // nothing would be left to train on
    for (at = validation; cuts_a_group(at);) --at;
  for (std::size_t i = 0; i < order.size(); ++i) files.splits[i < at ? 1 : 0].push_back(std::move(order[i].item));
  for (auto& split : files.splits) std::sort(split.begin(), split.end(), [](const Item& a, const Item& b) { return a.name < b.name; });
}

}  // namespace lamina::data::detail
