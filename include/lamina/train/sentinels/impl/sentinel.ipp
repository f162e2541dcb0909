#include "lamina/train/sentinels/sentinel.hpp"

#include "lamina/core/names.hpp"
#include "lamina/core/text.hpp"
#include "lamina/train/task.hpp"

namespace lamina::train {

std::string Alarm::text() const { return message("epoch ", epoch, ": ", seen, ". Likely cause: ", cause, ". Next: ", next); }

std::vector<Alarm> alarms(const std::vector<Sentinel>& sentinels, Records history, bool news) {
  std::vector<Alarm> all;
  for (const Sentinel& s : sentinels) {
    if (history.empty()) continue;
    std::optional<Alarm> alarm = s.look(history);
    if (!alarm || (news && history.size() > 1 && s.look(history.first(history.size() - 1)))) continue;
    alarm->rule = s.name, alarm->epoch = history.back().epoch;
    all.push_back(std::move(*alarm));
  }
  return all;
}

std::string Task::command_for(const Alarm& alarm) const {
  if (!alarm.next.starts_with("--")) return alarm.next;
  for (const std::string& options : {alarm.next, alarm.otherwise})
    if (const std::string line = options.empty() ? "" : command(options); !line.empty()) return line;
  const std::string look = command("");
  return look.empty() ? alarm.next : look;
}

SentinelPolicy sentinel_policy_named(const std::string& name) {
  constexpr Named<SentinelPolicy> kNames[] = {
      {SentinelPolicy::warn, "warn"}, {SentinelPolicy::stop, "stop"}, {SentinelPolicy::reload, "reload"}, {SentinelPolicy::off, "off"}};
  return parse_name("treatment of alarms (--sentinels)", name, kNames);
}

}  // namespace lamina::train
