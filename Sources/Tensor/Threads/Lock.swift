import Foundation
import Synchronization

#if THREAD_SANITIZER
    /// A value that one thread at a time reads or writes, by a lock that ThreadSanitizer sees: on Linux it does not see
    /// `Mutex`, which waits by system calls of its own, and reports every use of one. Only `Scripts/check-threads` builds it.
    package final class Lock<Value>: @unchecked Sendable {
        private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private var value: Value

        package init(_ value: Value) {
            self.value = value
            pthread_mutex_init(mutex, nil)
        }

        deinit {
            pthread_mutex_destroy(mutex)
            mutex.deallocate()
        }

        /// Calls `body` while no other thread does.
        package func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            return try body(&value)
        }
    }
#else
    /// A value that one thread at a time reads or writes.
    package typealias Lock<Value> = Mutex<Value>
#endif
