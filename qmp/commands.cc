// SPDX-License-Identifier: MIT
#include "qmp/commands.h"

#include <nlohmann/json.hpp>

#include "qmp/replies.h"

namespace kvmrt::qmp {

using boost::asio::awaitable;
using nlohmann::json;

namespace {

template <class Value>
awaitable<Value> parsed(awaitable<json> answer, Value (*parse)(const json&)) {
  const json value = co_await std::move(answer);
  co_return parse(value);
}

awaitable<void> dropped(awaitable<json> answer) { co_await std::move(answer); }

}  // namespace

awaitable<RunState> query_status(Client& client) {
  return parsed(client.begin("query-status"), parse_run_state);
}

awaitable<std::vector<VcpuThread>> query_cpus_fast(Client& client) {
  return parsed(client.begin("query-cpus-fast"), parse_vcpus);
}

awaitable<std::vector<IothreadInfo>> query_iothreads(Client& client) {
  return parsed(client.begin("query-iothreads"), parse_iothreads);
}

awaitable<KvmState> query_kvm(Client& client) {
  return parsed(client.begin("query-kvm"), parse_kvm);
}

awaitable<Version> query_version(Client& client) {
  return parsed(client.begin("query-version"), parse_version);
}

awaitable<std::vector<HotpluggableCpu>> query_hotpluggable_cpus(Client& client) {
  return parsed(client.begin("query-hotpluggable-cpus"), parse_hotpluggable_cpus);
}

awaitable<void> cont(Client& client) { co_await client.execute("cont"); }

awaitable<void> stop(Client& client) { co_await client.execute("stop"); }

awaitable<void> quit(Client& client) {
  try {
    co_await client.execute("quit");
  } catch (const QmpError& error) {
    if (error.kind() != QmpError::Kind::closed) throw;
  }
}

awaitable<void> system_powerdown(Client& client) { co_await client.execute("system_powerdown"); }

awaitable<void> system_reset(Client& client) { co_await client.execute("system_reset"); }

awaitable<void> set_action(Client& client, Actions actions) {
  json arguments = json::object();
  if (!actions.panic.empty()) arguments["panic"] = actions.panic;
  if (!actions.reboot.empty()) arguments["reboot"] = actions.reboot;
  if (!actions.shutdown.empty()) arguments["shutdown"] = actions.shutdown;
  if (!actions.watchdog.empty()) arguments["watchdog"] = actions.watchdog;
  co_await client.execute("set-action", arguments);
}

awaitable<void> set_trace_event(Client& client, const std::string& name, bool on) {
  json arguments = json::object();
  arguments["name"] = name;
  arguments["enable"] = on;
  return dropped(client.begin("trace-event-set-state", arguments));
}

awaitable<void> device_add(Client& client, std::string driver, std::string id,
                           std::map<std::string, int> props) {
  json arguments = json::object();
  arguments["driver"] = driver;
  arguments["id"] = id;
  for (const auto& [name, value] : props) arguments[name] = value;
  co_await client.execute("device_add", arguments);
}

}  // namespace kvmrt::qmp
