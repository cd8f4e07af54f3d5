import Autograd
import Foundation
import SwiftBrushTestFixtures
import Tensor

/// One operation with its inputs and PyTorch's Float64 results, from `Fixtures/operations`.
struct OperationCase: Decodable, Sendable, CustomStringConvertible {
    let name: String
    let operation: String
    let inputs: Int
    var activation: String?
    var adding: Bool?
    var axis: Int?
    var axes: [Int]?
    var causal: Bool?
    var epsilon: Float?
    var factor: Int?
    var groups: Int?
    var heads: Int?
    var lower: Float?
    var upper: Float?
    var padding: [Int]?
    var rows: [Int]?
    var values: [Float]?
    var shape: [Int]?
    var stride: Int?
    var upsampling: Int?
    var transposingSelf: Bool?
    var transposingOther: Bool?

    var description: String { name }

    static let all: [OperationCase] = {
        let file = Fixtures.url("operations/cases.json")
        guard let data = try? Data(contentsOf: file),
            let cases = try? JSONDecoder().decode([OperationCase].self, from: data)
        else { preconditionFailure("\(file.path) is missing or malformed") }
        return cases
    }()

    /// Runs the operation under test. Required parameters that are missing fall back to invalid values.
    func callAsFunction(_ x: [Variable]) -> Variable {
        if let binary { return binary(x[0], x[1]) }
        if let unary { return unary(x[0]) }
        switch operation {
        case "clamped": return x[0].clamped(to: (lower ?? 0)...(upper ?? 0))
        case "matmul":
            return x[0].matmul(
                x[1], transposingSelf: transposingSelf ?? false, transposingOther: transposingOther ?? false)
        case "linear":
            let (bias, addend) = biasAndAddend(x)
            return x[0].linear(weight: x[1], bias: bias, adding: addend)
        case "conv2d":
            let border = padding ?? []
            let (bias, addend) = biasAndAddend(x)
            return x[0].conv2d(
                kernel: x[1], bias: bias, stride: stride ?? 0,
                padding: .init(top: border[0], left: border[1], bottom: border[2], right: border[3]),
                upsampling: upsampling ?? 1, adding: addend)
        case "wideConv2d":
            let (bias, addend) = biasAndAddend(x)
            return x[0].conv2d(
                kernel: x[1], bias: bias, padding: .init(1), upsampling: upsampling ?? 0, adding: addend)
        case "groupNorm":
            return x[0].groupNorm(
                groups: groups ?? 0, scale: x[1], offset: x[2], epsilon: epsilon ?? -1,
                activation: activation == "silu" ? .silu : nil)
        case "layerNorm": return x[0].layerNorm(scale: x[1], offset: x[2], epsilon: epsilon ?? -1)
        case "attention":
            return x[0].attention(keys: x[1], values: x[2], heads: heads ?? 0, isCausal: causal ?? false)
        case "upsampledNearest": return x[0].upsampledNearest(by: factor ?? 0)
        case "averagePooled": return x[0].averagePooled(by: factor ?? 0)
        default: return convolved(x) ?? loss(x) ?? shaped(x)
        }
    }

    /// The optional inputs after the weight, the addend last.
    private func biasAndAddend(_ x: [Variable]) -> (bias: Variable?, addend: Variable?) {
        let addend = adding ?? false ? x.last : nil
        let bias = x.count - (addend == nil ? 0 : 1) > 2 ? x[2] : nil
        return (bias, addend)
    }

    private func convolved(_ x: [Variable]) -> Variable? {
        let border = padding?.first ?? 0
        switch operation {
        case "conv1d": return x[0].conv1d(kernel: x[1], bias: x[2], stride: stride ?? 0, padding: border)
        case "groupedConv2d":
            return x[0].groupedConv2d(kernel: x[1], bias: x[2], padding: .init(border), groups: groups ?? 0)
        case "transposedConv2d":
            return x[0].transposedConv2d(
                kernel: x[1], bias: x[2], stride: stride ?? 0, padding: border, outputPadding: factor ?? 0)
        case "maxPooled": return x[0].maxPooled(size: factor ?? 0, stride: stride ?? 0, padding: border)
        case "resampledBilinear": return x[0].resampledBilinear(height: shape?[0] ?? 0, width: shape?[1] ?? 0)
        default: return nil
        }
    }

    private func loss(_ x: [Variable]) -> Variable? {
        switch operation {
        case "logSoftmax": return x[0].logSoftmax()
        case "crossEntropy": return x[0].crossEntropy(with: rows ?? [])
        case "meanAbsoluteError": return x[0].meanAbsoluteError(x[1])
        case "huberError": return x[0].huberError(x[1], delta: upper ?? 0)
        case "binaryCrossEntropy":
            return x[0].binaryCrossEntropy(withLogitsFor: Tensor(values ?? [], shape: x[0].shape))
        case "batchNorm": return x[0].batchNorm(scale: x[1], offset: x[2]).output
        case "rmsNorm": return x[0].rmsNorm(scale: x[1], epsilon: epsilon ?? -1)
        case "leakyReLU": return x[0].leakyReLU(slope: upper ?? 0)
        case "elu": return x[0].elu(alpha: upper ?? 0)
        default: return nil
        }
    }

    private func shaped(_ x: [Variable]) -> Variable {
        switch operation {
        case "raisedTo": return x[0].raised(to: upper ?? 0)
        case "replacing":
            let mask = Tensor((rows ?? []).map { Float($0) }, shape: [4, 5])
            return x[0].replacing(with: x[1], where: mask)
        case "stack": return .stack(x, axis: axis ?? -1)
        case "padded":
            return x[0].padded(axis: axis ?? -1, before: Int(lower ?? 0), after: Int(upper ?? 0), with: 0.5)
        case "reshaped": return x[0].reshaped(to: shape ?? [])
        case "transposed": return x[0].transposed(axes ?? [])
        case "sliced": return x[0].sliced(axis: axis ?? -1, Int(lower ?? 0)..<Int(upper ?? 0))
        case "concatenate": return .concatenate(x, axis: axis ?? -1)
        case "gathered": return x[0].gathered(rows: rows ?? [])
        case "broadcast": return x[0].broadcast(to: shape ?? [])
        case "sumAlong": return x[0].sum(alongAxes: axes ?? [])
        case "meanAlong": return x[0].mean(alongAxes: axes ?? [])
        default: preconditionFailure("unknown operation \(operation)")
        }
    }

    private var binary: ((Variable, Variable) -> Variable)? {
        switch operation {
        case "add": { $0 + $1 }
        case "subtract": { $0 - $1 }
        case "multiply": { $0 * $1 }
        case "divide": { $0 / $1 }
        case "meanSquaredError": { $0.meanSquaredError($1) }
        case "maximum": { .maximum($0, $1) }
        case "minimum": { .minimum($0, $1) }
        case "raised": { $0.raised(to: $1) }
        default: nil
        }
    }

    private var unary: ((Variable) -> Variable)? {
        switch operation {
        case "exp": { $0.exp() }
        case "log": { $0.log() }
        case "squareRoot": { $0.squareRoot() }
        case "squared": { $0.squared() }
        case "reciprocal": { $0.reciprocal() }
        case "absolute": { $0.absolute() }
        case "sine": { $0.sine() }
        case "cosine": { $0.cosine() }
        case "tanh": { $0.tanh() }
        case "sigmoid": { $0.sigmoid() }
        case "relu": { $0.relu() }
        case "silu": { $0.silu() }
        case "gelu": { $0.gelu() }
        case "quickGELU": { $0.quickGELU() }
        case "geglu": { $0.geglu() }
        case "mish": { $0.mish() }
        case "negate": { -$0 }
        case "softmax": { $0.softmax() }
        case "sum": { $0.sum() }
        case "mean": { $0.mean() }
        default: nil
        }
    }
}
