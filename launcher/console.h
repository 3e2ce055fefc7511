// SPDX-License-Identifier: MIT
// The guest's serial console on our terminal: bytes go both ways until Ctrl-] (0x1d) or the end of
// either side. A terminal is put into raw mode meanwhile and given back as it was.
#pragma once

#include <memory>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "base/fd.h"

namespace kvmrt::launcher {

class Console {
 public:
  /// `guest`: our end of the socket pair whose other end is the guest's serial port. It is drained
  /// for as long as this object lives, even when standard output takes no more.
  Console(boost::asio::io_context& io, Fd guest, bool on_terminal);
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  /// Takes what the guest has written so far to standard output and gives the terminal back.
  void finish();

 private:
  struct Relay;
  std::shared_ptr<Relay> relay_;
};

}  // namespace kvmrt::launcher
