import Foundation

/// The peak memory of this process in bytes.
package func peakResidentBytes() -> Int {
    var usage = rusage()
    let ownProcess: Int32 = 0  // RUSAGE_SELF, whose type differs between the systems
    getrusage(ownProcess, &usage)
    #if canImport(Darwin)
        return usage.ru_maxrss
    #else
        return usage.ru_maxrss * 1024
    #endif
}
