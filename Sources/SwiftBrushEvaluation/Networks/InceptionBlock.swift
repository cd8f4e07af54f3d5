import Autograd
import Tensor

/// Parallel branches over one feature map, whose results are concatenated along the channels.
final class InceptionBlock: Sendable {
    /// One convolution of a branch, under torchvision's name.
    struct Shape {
        let name: String
        let outputs, height, width, stride: Int
        /// Rows and columns of zeros on each side; nil means as many as keep the map's size.
        let padding: Int?

        init(_ name: String, _ outputs: Int, _ height: Int = 1, _ width: Int = 1, stride: Int = 1, padding: Int? = nil)
        {
            (self.name, self.outputs, self.height, self.width) = (name, outputs, height, width)
            (self.stride, self.padding) = (stride, padding)
        }

        func layer(inputs: Int, in scope: ParameterScope) -> NormalizedConvolution {
            NormalizedConvolution(
                inputs: inputs, outputs: outputs, kernel: (height, width), stride: stride,
                padding: .zeros(height: padding ?? height / 2, width: padding ?? width / 2),
                epsilon: 1e-3, ending: .relu, convolution: scope[name]["conv"], norm: scope[name]["bn"])
        }
    }

    /// The pooling before a branch's convolutions.
    enum Pooling {
        case none
        /// 3 × 3 average pooling that excludes the padding.
        case mean
        /// 3 × 3 max pooling.
        case maximum
        /// 3 × 3 max pooling with stride 2.
        case reduction

        func callAsFunction(_ x: Tensor) -> Tensor {
            switch self {
            case .none: x
            case .mean: x.averagePooled(size: 3, stride: 1, padding: 1)
            case .maximum: x.maxPooled(size: 3, stride: 1, padding: 1)
            case .reduction: x.maxPooled(size: 3, stride: 2)
            }
        }
    }

    /// Pooling, sequential convolutions (the trunk), and parallel convolutions (the fork).
    struct Branch {
        var pooling = Pooling.none
        var trunk: [Shape] = []
        var fork: [Shape] = []
    }

    private let branches: [(pooling: Pooling, trunk: [NormalizedConvolution], fork: [NormalizedConvolution])]

    init(inputs: Int, _ branches: [Branch], in scope: ParameterScope) {
        self.branches = branches.map { branch in
            var channels = inputs
            let trunk = branch.trunk.map { shape in
                defer { channels = shape.outputs }
                return shape.layer(inputs: channels, in: scope)
            }
            return (branch.pooling, trunk, branch.fork.map { $0.layer(inputs: channels, in: scope) })
        }
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        let parts = branches.flatMap { branch in
            let trunk = branch.trunk.reduce(branch.pooling(x)) { $1($0) }
            return branch.fork.isEmpty ? [trunk] : branch.fork.map { $0(trunk) }
        }
        return .concatenate(parts, axis: 3)
    }
}

/// The five kinds of blocks, by torchvision's letters.
extension InceptionBlock {
    static func a(pooled: Int) -> [Branch] {
        [
            Branch(trunk: [Shape("branch1x1", 64)]),
            Branch(trunk: [Shape("branch5x5_1", 48), Shape("branch5x5_2", 64, 5, 5)]),
            Branch(trunk: [
                Shape("branch3x3dbl_1", 64), Shape("branch3x3dbl_2", 96, 3, 3), Shape("branch3x3dbl_3", 96, 3, 3),
            ]),
            Branch(pooling: .mean, trunk: [Shape("branch_pool", pooled)]),
        ]
    }

    static let b = [
        Branch(trunk: [Shape("branch3x3", 384, 3, 3, stride: 2, padding: 0)]),
        Branch(trunk: [
            Shape("branch3x3dbl_1", 64), Shape("branch3x3dbl_2", 96, 3, 3),
            Shape("branch3x3dbl_3", 96, 3, 3, stride: 2, padding: 0),
        ]),
        Branch(pooling: .reduction),
    ]

    static func c(_ inner: Int) -> [Branch] {
        [
            Branch(trunk: [Shape("branch1x1", 192)]),
            Branch(trunk: [
                Shape("branch7x7_1", inner), Shape("branch7x7_2", inner, 1, 7), Shape("branch7x7_3", 192, 7, 1),
            ]),
            Branch(trunk: [
                Shape("branch7x7dbl_1", inner), Shape("branch7x7dbl_2", inner, 7, 1),
                Shape("branch7x7dbl_3", inner, 1, 7), Shape("branch7x7dbl_4", inner, 7, 1),
                Shape("branch7x7dbl_5", 192, 1, 7),
            ]),
            Branch(pooling: .mean, trunk: [Shape("branch_pool", 192)]),
        ]
    }

    static let d = [
        Branch(trunk: [Shape("branch3x3_1", 192), Shape("branch3x3_2", 320, 3, 3, stride: 2, padding: 0)]),
        Branch(trunk: [
            Shape("branch7x7x3_1", 192), Shape("branch7x7x3_2", 192, 1, 7), Shape("branch7x7x3_3", 192, 7, 1),
            Shape("branch7x7x3_4", 192, 3, 3, stride: 2, padding: 0),
        ]),
        Branch(pooling: .reduction),
    ]

    static func e(pooling: Pooling) -> [Branch] {
        [
            Branch(trunk: [Shape("branch1x1", 320)]),
            Branch(
                trunk: [Shape("branch3x3_1", 384)],
                fork: [Shape("branch3x3_2a", 384, 1, 3), Shape("branch3x3_2b", 384, 3, 1)]),
            Branch(
                trunk: [Shape("branch3x3dbl_1", 448), Shape("branch3x3dbl_2", 384, 3, 3)],
                fork: [Shape("branch3x3dbl_3a", 384, 1, 3), Shape("branch3x3dbl_3b", 384, 3, 1)]),
            Branch(pooling: pooling, trunk: [Shape("branch_pool", 192)]),
        ]
    }
}
