#include "base/workers.h"

#include <algorithm>

namespace picket {

Workers::Workers(unsigned threads) {
  for (unsigned i = 1; i < std::max(1U, threads); ++i) {
    threads_.emplace_back([this, i] { work(i); });
  }
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  start_.notify_all();
}

void Workers::run_tasks(unsigned worker) {
  while (true) {
    std::size_t number = 0;
    {
      const std::lock_guard lock(mutex_);
      if (next_ >= count_) return;
      number = next_++;
    }
    (*task_)(worker, number);
  }
}

void Workers::work(unsigned worker) {
  unsigned long seen = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stopping_ || round_ != seen; });
      if (stopping_) return;
      seen = round_;
    }
    run_tasks(worker);
    {
      const std::lock_guard lock(mutex_);
      if (--busy_ == 0) done_.notify_one();
    }
  }
}

void Workers::parallel_for(std::size_t n, const std::function<void(unsigned, std::size_t)>& task) {
  if (threads_.empty() || n <= 1) {
    for (std::size_t i = 0; i < n; ++i) task(0, i);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    task_ = &task;
    next_ = 0;
    count_ = n;
    busy_ = static_cast<unsigned>(threads_.size());
    ++round_;
  }
  start_.notify_all();
  run_tasks(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return busy_ == 0; });
}

}  // namespace picket
