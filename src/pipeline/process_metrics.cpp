#include "pipeline/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/metrics_text.h"

namespace picket {

std::string process_metrics(std::string_view version) {
  MetricsText out;
  out.begin(MetricsText::Type::gauge, "picket_build_info", "The version that runs.");
  out.sample({{"version", version}}, 1);
  rusage used{};
  if (getrusage(RUSAGE_SELF, &used) == 0) {
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    out.counter("process_cpu_seconds_total", "CPU time of user and system.",
                seconds(used.ru_utime) + seconds(used.ru_stime));
  }
  if (std::ifstream statm("/proc/self/statm"); statm) {
    std::uint64_t all = 0, resident = 0;
    statm >> all >> resident;
    const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
    out.gauge("process_virtual_memory_bytes", "Virtual memory.", static_cast<double>(all) * page);
    out.gauge("process_resident_memory_bytes", "Resident memory.", static_cast<double>(resident) * page);
  }
  std::error_code error;
  std::uint64_t open = 0;
  for (auto at = std::filesystem::directory_iterator("/proc/self/fd", error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error))
    ++open;
  out.gauge("process_open_fds", "Open file descriptors.", static_cast<double>(open));
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
    out.gauge("process_max_fds", "The most of them.", static_cast<double>(limit.rlim_cur));
  return out.take();
}

}  // namespace picket
