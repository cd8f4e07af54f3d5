import Distillation
import Foundation
import SwiftBrushRuntime
import Synchronization

/// Runs a reader on mutations of its seeds and corpus, for toolchains without libFuzzer.
///
/// Each input is written to a file before it is run, so that it is available after a crash.
struct SeededFuzzing {
    let reader: FuzzedReader
    /// The limits on seconds and executions; the run stops at whichever comes first.
    let seconds: Double
    let executions: Int
    let seed: UInt64
    /// The file to which the current input is written.
    let current: URL

    /// The time limit per input, after which the process exits; unoptimised code needs several times as long.
    private static let hangSeconds =
        ProcessInfo.processInfo.environment["FUZZING_HANG_SECONDS"].flatMap { Double($0) } ?? 5
    private static let memoryLimit = 1 << 30

    func run() throws {
        try FuzzedReader.withFolder { folder in
            let body = try reader.prepare(folder)
            let seeds = try reader.seeds()
            var pool = (seeds + (try reader.corpus.map { try Data(contentsOf: $0) })).map { [UInt8]($0) }
            let mutator = Mutator(reader.format, seeds: seeds)
            var random = FuzzingRandom(seed: seed)
            let watch = Watch(limit: Self.hangSeconds)
            let start = ContinuousClock.now
            var (count, accepted, slowest) = (0, 0, Duration.zero)
            while count < executions, (ContinuousClock.now - start) / .seconds(1) < seconds {
                let parent = pool[random.below(pool.count)]
                let input =
                    count < pool.count
                    ? pool[count] : mutator.mutated(parent, with: pool[random.below(pool.count)], using: &random)
                try Data(input).write(to: current)
                watch.begin()
                let began = ContinuousClock.now
                do {
                    try body(Data(input))
                    accepted += 1
                    // A random share of the accepted inputs joins the pool and is mutated again.
                    if input.count <= 1 << 17, random.once(in: 50), pool.count < 400 { pool.append(input) }
                } catch {
                    if random.once(in: 500), input.count <= 1 << 16, pool.count < 400 { pool.append(input) }
                }
                slowest = max(slowest, ContinuousClock.now - began)
                watch.end()
                count += 1
                if count % 64 == 0, peakResidentBytes() > Self.memoryLimit {
                    print("\(reader.name): more than 1 GiB of memory is in use; an earlier input may be the cause")
                    exit(71)
                }
            }
            let elapsed = (ContinuousClock.now - start) / .seconds(1)
            print(
                "\(reader.name): \(count) executions, \(Int(Double(count) / max(elapsed, 1e-9)))/s, \(accepted) accepted, "
                    + "\(peakResidentBytes() >> 20) MiB, slowest \(String(format: "%.3f", slowest / .seconds(1))) s")
            try FileManager.default.removeItem(at: current)
        }
    }
}

/// Ends the process when an input takes too long.
private final class Watch: Sendable {
    /// The start time of the current input, in milliseconds; 0 between inputs.
    private let began = Atomic<Int>(0)

    init(limit: Double) {
        let thread = Thread { [self] in
            while true {
                Thread.sleep(forTimeInterval: 0.2)
                let began = began.load(ordering: .relaxed)
                guard began > 0, Double(Self.now() - began) > limit * 1000 else { continue }
                print("one input took more than \(limit) s")
                exit(70)
            }
        }
        thread.start()
    }

    func begin() { began.store(Self.now(), ordering: .relaxed) }
    func end() { began.store(0, ordering: .relaxed) }

    private static func now() -> Int { Int(DispatchTime.now().uptimeNanoseconds / 1_000_000) }
}
