// SPDX-License-Identifier: MIT
#include "qmp/task.h"

#include <boost/asio/co_spawn.hpp>

namespace kvmrt::qmp {

void spawn_task(boost::asio::io_context& io, std::string name, boost::asio::awaitable<void> task,
                TaskFailed on_failure) {
  auto ended = [name = std::move(name),
                on_failure = std::move(on_failure)](std::exception_ptr why) {
    if (why && on_failure) on_failure(name, why);
  };
  boost::asio::co_spawn(io, std::move(task), std::move(ended));
}

}  // namespace kvmrt::qmp
