import DiffusionModels
import Foundation
import Hummingbird

/// A request that cannot be answered, with its HTTP status.
struct RequestError: Error {
    let status: HTTPResponse.Status
    let message: String
    /// The parameter that is wrong.
    var parameter: String?

    /// A parameter out of range.
    static func invalid(_ parameter: String, _ expected: String, _ found: String) -> RequestError {
        RequestError(
            status: .badRequest, message: "\(parameter): expected \(expected), found \"\(found.prefix(200))\"",
            parameter: parameter)
    }

    static let noModels = RequestError(
        status: .notFound, message: "no model is served: start the server with --model FOLDER")

    /// Any error as one with a status.
    init(_ error: any Error) {
        switch error {
        case let error as RequestError: self = error
        case let error as ServerBusyError: self.init(status: .serviceUnavailable, message: "\(error)")
        case ModelError.nonFinitePicture, ModelError.nonFiniteLatents:
            self.init(status: .internalServerError, message: "\(error)")
        case let error as ModelError: self.init(status: .badRequest, message: "\(error)")
        default: self.init(status: .internalServerError, message: "\(error)")
        }
    }

    init(status: HTTPResponse.Status, message: String, parameter: String? = nil) {
        (self.status, self.message, self.parameter) = (status, message, parameter)
    }
}
