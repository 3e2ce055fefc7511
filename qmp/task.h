// SPDX-License-Identifier: MIT
// The one way to start a coroutine of its own: asio's `detached` loses an exception in silence.
#pragma once

#include <exception>
#include <functional>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace kvmrt::qmp {

/// Gets the task's name and what it threw. What it throws itself comes out of io_context::run().
using TaskFailed = std::function<void(const std::string& name, std::exception_ptr why)>;

/// Runs the task on the io_context. Objects that it refers to must outlive the run.
void spawn_task(boost::asio::io_context& io, std::string name, boost::asio::awaitable<void> task,
                TaskFailed on_failure);

}  // namespace kvmrt::qmp
