// SPDX-License-Identifier: MIT
#include "qmp/commands.h"

#include <nlohmann/json.hpp>

#include "qmp/replies.h"

namespace kvmrt::qmp {

using boost::asio::awaitable;
using nlohmann::json;

awaitable<RunState> query_status(Client& client) {
  const json value = co_await client.execute("query-status");
  co_return parse_run_state(value);
}

awaitable<std::vector<VcpuThread>> query_cpus_fast(Client& client) {
  const json value = co_await client.execute("query-cpus-fast");
  co_return parse_vcpus(value);
}

awaitable<std::vector<IothreadInfo>> query_iothreads(Client& client) {
  const json value = co_await client.execute("query-iothreads");
  co_return parse_iothreads(value);
}

awaitable<KvmState> query_kvm(Client& client) {
  const json value = co_await client.execute("query-kvm");
  co_return parse_kvm(value);
}

awaitable<Version> query_version(Client& client) {
  const json value = co_await client.execute("query-version");
  co_return parse_version(value);
}

awaitable<std::vector<HotpluggableCpu>> query_hotpluggable_cpus(Client& client) {
  const json value = co_await client.execute("query-hotpluggable-cpus");
  co_return parse_hotpluggable_cpus(value);
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

awaitable<void> device_add(Client& client, std::string driver, std::string id,
                           std::map<std::string, int> props) {
  json arguments = json::object();
  arguments["driver"] = driver;
  arguments["id"] = id;
  for (const auto& [name, value] : props) arguments[name] = value;
  co_await client.execute("device_add", arguments);
}

}  // namespace kvmrt::qmp
