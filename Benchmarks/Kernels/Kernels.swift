import Benchmark
import Foundation
import Tensor

/// The operations of Stable Diffusion 2.1-base at 512², one at a time, on all cores.
let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock], warmupIterations: 2, scalingFactor: .one, maxDuration: .seconds(3), maxIterations: 200)

    for (m, n, k) in [
        (4096, 320, 2880), (1024, 640, 5760), (256, 1280, 11520), (64, 1280, 11520), (4096, 320, 320),
        (4096, 2560, 320), (1024, 5120, 640), (77, 320, 1024), (1, 1280, 1280),
    ] {
        let x = numbers([m, k])
        let weight = numbers([n, k])
        measure("product \(m) × \(n) × \(k)") { x.matmul(weight, transposingOther: true) }
    }

    for (channels, size) in [(320, 64), (640, 32), (1280, 16), (1280, 8), (512, 64), (256, 256), (128, 512)] {
        let map = numbers([1, size, size, channels])
        let kernel = numbers([channels, channels, 3, 3])
        let bias = numbers([channels])
        for algorithm in ConvolutionAlgorithm.allCases {
            measure("convolution 3×3, \(channels) channels, \(size)², \(algorithm)", with: algorithm) {
                map.conv2d(kernel: kernel, bias: bias, padding: ConvolutionPadding(1))
            }
        }
    }

    for (queries, keys, heads) in [(4096, 4096, 5), (1024, 1024, 10), (256, 256, 20), (4096, 77, 5)] {
        let width = 64 * heads
        let (q, k, v) = (numbers([1, queries, width]), numbers([1, keys, width]), numbers([1, keys, width]))
        measure("attention \(queries) × \(keys), \(heads) heads of 64") {
            q.attention(keys: k, values: v, heads: heads)
        }
    }

    for (channels, size) in [(320, 64), (1280, 16), (128, 512)] {
        let map = numbers([1, size, size, channels])
        let (scale, offset) = (numbers([channels]), numbers([channels]))
        measure("group norm + SiLU, \(channels) channels, \(size)²") {
            map.groupNorm(groups: 32, scale: scale, offset: offset, epsilon: 1e-5, activation: .silu)
        }
    }
    for (rows, columns) in [(4096, 320), (1024, 640)] {
        let x = numbers([rows, columns])
        let (scale, offset) = (numbers([columns]), numbers([columns]))
        measure("layer norm \(rows) × \(columns)") { x.layerNorm(scale: scale, offset: offset, epsilon: 1e-5) }
    }
    let rows = numbers([4096, 1024])
    measure("softmax 4096 × 1024") { rows.softmax() }

    for type in [ScalarType.float16, .bfloat16] {
        let stored = stored(numbers([1280, 11520]), as: type)
        measure("widen 1280 × 11520 from \(type)") { stored.widened() }
        // One row: nearly all of the time goes into widening and packing the matrix.
        let row = numbers([1, 11520])
        measure("pack 1280 × 11520 from \(type)") { row.matmul(stored, transposingOther: true) }
    }
    let matrix = numbers([1280, 11520])
    let row = numbers([1, 11520])
    measure("pack 1280 × 11520 from float32") { row.matmul(matrix, transposingOther: true) }
}

/// Measures `body` with a convolution algorithm, which is a process-wide setting.
@Sendable private func measure(
    _ name: String, with algorithm: ConvolutionAlgorithm = .fastest, _ body: @escaping @Sendable () -> Tensor
) {
    Benchmark(name) { benchmark in
        ConvolutionAlgorithm.current = algorithm
        for _ in benchmark.scaledIterations { blackHole(body()) }
    }
}

/// Standard normal numbers.
@Sendable private func numbers(_ shape: [Int]) -> Tensor {
    var stream = RandomStream(seed: 0)
    return stream.normal(shape)
}

/// The numbers mapped from a weight file of the given type.
@Sendable private func stored(_ tensor: Tensor, as type: ScalarType) -> Tensor {
    let file = FileManager.default.temporaryDirectory.appending(path: "kernels-\(UUID().uuidString).safetensors")
    defer { try? FileManager.default.removeItem(at: file) }
    do {
        try Safetensors.write([(name: "numbers", tensor: tensor)], scalarType: type, to: file)
        return try SafetensorsFile(contentsOf: file).mappedTensor("numbers")
    } catch { fatalError("\(file.path): \(error)") }
}
