import Autograd
import Foundation
import Tensor

// Runs all multithreaded code on more threads than a test would, under ThreadSanitizer (`Scripts/check-threads`), and also compares the
// results. With the argument `race` it makes a data race that must be reported.

func check(_ holds: Bool, _ what: String) {
    guard !holds else { return }
    FileHandle.standardError.write(Data("SwiftBrushThreadChecks: \(what)\n".utf8))
    exit(1)
}

/// Calls `body` on `count` threads at once, each with its index.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let group = DispatchGroup()
    for number in 0..<count {
        group.enter()
        Thread {
            body(number)
            group.leave()
        }.start()
    }
    group.wait()
}

final class Counter: @unchecked Sendable { var count = 0 }

if CommandLine.arguments.dropFirst() == ["race"] {
    let counter = Counter()
    onThreads(4) { _ in for _ in 0..<1000 { counter.count += 1 } }
    print("counted to \(counter.count)")
    exit(0)
}

ThreadPool.threadCount = 4

// Nested parallel regions of many sizes, started from several threads.
onThreads(4) { number in
    for round in 0..<200 {
        let count = 1 + (round * 37 + number) % 500
        var marks = [Int](repeating: 0, count: count)
        marks.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            let marks = SharedMutable(base)
            parallelFor(count, grain: 1 + round % 7) { range in
                parallelFor(range.count, grain: 2) { inner in
                    for index in inner { (marks + range.lowerBound + index).pointee += 1 }
                }
            }
        }
        check(marks.allSatisfy { $0 == 1 }, "a parallel region skipped or repeated an index")
    }
}

// Memory passed between threads through the memory pool.
let shared = Lock([Tensor]())
onThreads(6) { number in
    for round in 0..<300 {
        let size = 1 + (round * 61 + number * 17) % 3000
        let mine = Tensor(repeating: Float(number), shape: [size])
        let taken = shared.withLock { (tensors: inout [Tensor]) in
            tensors.append(mine)
            return tensors.count > 5 ? tensors.removeFirst() : nil
        }
        check(taken.map { $0.scalars.allSatisfy { $0 == taken?.scalars[0] } } ?? true, "memory was allocated twice")
    }
}

// 16-bit tensors of a file, packed within a budget, read and released by several threads at once.
let file = FileManager.default.temporaryDirectory.appending(path: "threads-\(UUID().uuidString).safetensors")
defer { try? FileManager.default.removeItem(at: file) }
let weight = Tensor((0..<96 * 64).map { Float($0 % 31) - 15 }, shape: [96, 64])
try Safetensors.write([(name: "half", tensor: weight), (name: "same", tensor: weight)], scalarType: .float16, to: file)
let input = Tensor((0..<3 * 64).map { Float($0 % 7) - 3 }, shape: [3, 64])
let expected = input.matmul(weight, transposingOther: true).scalars
for budget in [0, 1 << 20] {
    PackedWeights.budget = budget
    let tensors = try SafetensorsFile(contentsOf: file)
    let half = try tensors.mappedTensor("half")
    onThreads(4) { number in
        for round in 0..<40 {
            let own = number % 2 == 0 ? half : (try? tensors.mappedTensor("same")) ?? half
            check(input.matmul(own, transposingOther: true).scalars == expected, "a product of mapped weights differs")
            if round % 8 == 0 { check((try? tensors.nonFiniteCount("half")) == 0, "the file's numbers differ") }
            if round % 10 == number { ThreadPool.threadCount = 1 + round % 4 }
        }
    }
}
ThreadPool.threadCount = 4

// Operations of networks, whose gradients are computed in parts.
let map = Tensor((0..<4 * 12 * 12 * 8).map { Float($0 % 13) / 13 - 0.5 }, shape: [4, 12, 12, 8])
func gradient(parts: Int) -> [Float] {
    let kernel = Variable.trainable(Tensor((0..<16 * 8).map { Float($0 % 5) / 5 - 0.4 }, shape: [16, 8]))
    let output = dataParallel([Variable(map)], shards: parts) { _, inputs in
        let rows = inputs[0].reshaped(to: [-1, 8])
        return [rows.matmul(kernel, transposingOther: true).silu().reshaped(to: [inputs[0].shape[0], -1])]
    }[0]
    (output * output).sum().backward()
    return kernel.gradient?.scalars ?? []
}
let alone = gradient(parts: 1)
for parts in [2, 3, 4] {
    let found = gradient(parts: parts)
    let worst = zip(found, alone).map { abs($0 - $1) }.max() ?? .infinity
    check(
        found.count == alone.count && worst <= 1e-4 * (alone.map(abs).max() ?? 0), "gradients in \(parts) parts differ")
}
onThreads(3) { _ in
    for _ in 0..<3 {
        let softened = map.reshaped(to: [-1, 8]).softmax().scalars
        check(softened.allSatisfy(\.isFinite), "a softmax is not finite")
    }
}
let models = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Examples/Models")
let done = DispatchSemaphore(value: 0)
Task.detached {
    do {
        try await checkTasks(models: models)
    } catch {
        check(false, "tasks: \(error)")
    }
    done.signal()
}
done.wait()
print("threads: all results are as expected")
