import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

/// The code of the articles of Tensor, block by block; `ArticleTests` compares it with the articles.
@Suite("Articles of Tensor")
struct TensorArticles {
    private let folder = TemporaryFolder()

    @Test("The overview")
    func overview() {
        var stream = RandomStream(seed: 0)
        let x = stream.normal([4, 3])
        print((x * 2 + 1).relu().mean())
    }

    @Test("Working with arrays")
    func arrays() throws {
        let url = folder.file("features.safetensors")
        var stream = RandomStream(seed: 0)
        let x = stream.normal([4, 3])  // torch.manual_seed(0); torch.randn(4, 3)
        let offset: Tensor = [1, 2, 3]  // a vector, from a literal
        let y = (x * 2 + offset).relu()  // offset is added to each row
        let rows = y.mean(alongAxes: [1])  // [4]
        let product = x.matmul(y, transposingOther: true)  // [4, 4]
        print(product.shape, rows.scalars)
        #expect(product.shape == [4, 4] && rows.shape == [4])

        let picture = Tensor(repeating: 0.5, shape: [8, 8, 3])
        let corner = picture[0..<4, 4...]  // [4, 4, 3]
        let first = corner[0, 0, 0]  // 0.5
        let wide = Tensor.concatenate([corner, corner], axis: 1)  // [4, 8, 3]
        let batch = Tensor.stack([wide, wide])  // [2, 4, 8, 3]
        #expect(corner.shape == [4, 4, 3] && first == 0.5 && batch.shape == [2, 4, 8, 3])

        let fromPyTorch = stream.normal([1, 3, 16, 16])
        let map = fromPyTorch.channelsLast()  // [1, 16, 16, 3]
        let kernel = stream.normal([8, 3, 3, 3])  // [outputs, inputs, height, width]
        let features = map.conv2d(kernel: kernel, bias: nil, padding: ConvolutionPadding(1))  // [1, 16, 16, 8]
        let back = features.channelsFirst()  // [1, 8, 16, 16]
        #expect(map.shape == [1, 16, 16, 3] && features.shape == [1, 16, 16, 8] && back.shape == [1, 8, 16, 16])

        try Safetensors.write([("features", features)], to: url)
        let file = try SafetensorsFile(contentsOf: url)
        let read = try file.tensor("features")
        #expect(read == features)
    }

    @Test("Memory")
    func memory() throws {
        let url = folder.file("weight.safetensors")
        var sum = Tensor.zeros([1024, 1024])
        let before = sum  // shares the memory
        sum += Tensor.ones([1024, 1024])  // copies once, because `before` shares it
        sum += Tensor.ones([1024, 1024])  // in place
        #expect(before.maximum() == 0 && sum.minimum() == 2)

        let input = Tensor.ones([2, 16])
        try Safetensors.write([("weight", Tensor.ones([8, 16]))], scalarType: .float16, to: url)
        let file = try SafetensorsFile(contentsOf: url)
        let weight = try file.mappedTensor("weight")
        print(weight.scalarType)  // float16: nothing has been widened
        let result = input.linear(weight: weight, bias: nil)
        #expect(weight.scalarType == .float16 && result == Tensor(repeating: 16, shape: [2, 8]))

        let bytes = 3 * weight.count * MemoryLayout<Float>.stride
        if let warning = try MemoryLimit.current.check(holding: bytes, of: "the training") { print(warning) }
    }

    @Test("Threads and concurrency")
    func threads() async throws {
        let weight = Tensor.ones([4, 256])
        let sums = await withTaskGroup(of: Double.self) { group in
            for index in 0..<4 {
                group.addTask { weight[index..<index + 1].sum() }
            }
            return await group.reduce(0, +)
        }
        #expect(sums == 1024)

        let covariance = try Matrix([2, 0, 0, 1], rows: 2, columns: 2)
        let spectrum = try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try covariance.symmetricEigen().values })
            }
        }
        #expect(spectrum.sorted() == [1, 2])
    }

    @Test("Precision and reproducibility")
    func precision() {
        let x = Tensor(repeating: 0.1, shape: [10_000_000])
        print(x.sum())  // 1000000.0149…: the sum of ten million Float32 0.1, without a growing error
        #expect(abs(x.sum() - 1_000_000.0149) < 1e-4)

        var stream = RandomStream(seed: 42)
        var again = stream
        let a = stream.normal([16])
        let b = again.normal([16])  // the same: a copy continues independently
        let noise = stream.split("noise")  // depends on the seed and the name, not on what was generated before
        #expect(a == b && noise == again.split("noise") && noise == RandomStream(seed: 42).split("noise"))
    }

    /// Settings of the process, in a process of their own.
    @Test("Settings")
    func settings() async {
        await #expect(processExitsWith: .success) {
            ThreadPool.threadCount = 2
            PackedWeights.budget = 512 << 20
            ConvolutionAlgorithm.current = .direct

            let (a, b) = (Tensor.ones([2, 3]), Tensor.ones([3, 2]))
            MatmulPrecision.current = .highest  // for the process
            let product = MatmulPrecision.medium.within { a.matmul(b) }  // for one computation
            print(MatmulPrecision.medium.summary)  // medium (Float32 on this processor)
            precondition(product == Tensor(repeating: 3, shape: [2, 2]))
        }
    }
}
