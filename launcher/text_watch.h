// SPDX-License-Identifier: MIT
// Waits until a line of the guest's console log contains a text; costs nothing while the guest
// writes nothing (inotify).
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>

namespace kvmrt::launcher {

class TextWatch {
 public:
  /// Reads `log` from its present beginning. `found` is called once. Throws SystemError.
  TextWatch(boost::asio::io_context& io, std::filesystem::path log, std::string text,
            std::function<void()> found);
  ~TextWatch();
  TextWatch(const TextWatch&) = delete;
  TextWatch& operator=(const TextWatch&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace kvmrt::launcher
