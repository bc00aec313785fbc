// An immutable value that several hold, or none. Saved with each who holds it.
#pragma once

#include <memory>
#include <utility>

namespace picket {

template <class T>
class Shared {
 public:
  Shared() = default;
  explicit Shared(T value) : value_(std::make_shared<const T>(std::move(value))) {}

  explicit operator bool() const { return value_ != nullptr; }
  const T& operator*() const { return *value_; }
  const T* operator->() const { return value_.get(); }

  template <class Ar>
  void io(Ar& ar) {
    bool there = value_ != nullptr;
    ar(there);
    if constexpr (Ar::reading) {
      value_ = nullptr;
      if (!there || ar.failed()) return;
      const auto made = std::make_shared<T>();
      ar(*made);
      value_ = made;
    } else if (there) {
      ar(*value_);
    }
  }

 private:
  std::shared_ptr<const T> value_;
};

}  // namespace picket
