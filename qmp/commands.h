// SPDX-License-Identifier: MIT
// The QMP commands that kvmrt uses, with typed arguments and results. Each throws what
// Client::execute throws. The client must outlive the call.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "qmp/client.h"
#include "qmp/types.h"

namespace kvmrt::qmp {

/// The queries are sent when called, and awaited for the answer; several may be on their way.
boost::asio::awaitable<RunState> query_status(Client& client);
boost::asio::awaitable<std::vector<VcpuThread>> query_cpus_fast(Client& client);
boost::asio::awaitable<std::vector<IothreadInfo>> query_iothreads(Client& client);
boost::asio::awaitable<KvmState> query_kvm(Client& client);
boost::asio::awaitable<Version> query_version(Client& client);
boost::asio::awaitable<std::vector<HotpluggableCpu>> query_hotpluggable_cpus(Client& client);

/// The reply may be lost when the guest ends QEMU at once: a QmpError::closed from here is not yet
/// a failure, QEMU's exit status tells.
boost::asio::awaitable<void> cont(Client& client);
boost::asio::awaitable<void> stop(Client& client);

/// Returns when QEMU said yes, or when it was gone before it could; only the pidfd tells the exit.
boost::asio::awaitable<void> quit(Client& client);

/// Presses the guest's power button; the guest may take no notice.
boost::asio::awaitable<void> system_powerdown(Client& client);
boost::asio::awaitable<void> system_reset(Client& client);

/// What QEMU does when the guest panics, reboots, shuts down or lets its watchdog expire; "" leaves
/// an action as it is. The words are QEMU's.
struct Actions {
  std::string panic;     ///< pause | shutdown | exit-failure | none
  std::string reboot;    ///< reset | shutdown
  std::string shutdown;  ///< poweroff | pause
  std::string watchdog;  ///< reset | shutdown | poweroff | pause | debug | none | inject-nmi
};
boost::asio::awaitable<void> set_action(Client& client, Actions actions);

/// Takes effect where QEMU was built with the "log" trace backend (Debian's is): a line on its
/// standard error for each such event.
boost::asio::awaitable<void> set_trace_event(Client& client, const std::string& name, bool on);

/// QEMU sends no event for a hot-plugged vCPU: ask query_cpus_fast for its thread afterwards.
boost::asio::awaitable<void> device_add(Client& client, std::string driver, std::string id,
                                        std::map<std::string, int> props);

}  // namespace kvmrt::qmp
